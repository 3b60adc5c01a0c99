import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const eventTooNarrow: BrokenBackend = {
  name: 'event-too-narrow',
  breaks: 'an event names only the first page of what changed',
  caughtBy: 'events/mapping/munmap-of-a-part',
  wrap: (raw) =>
    decorate(raw, {
      callbacks: (callbacks) => ({
        invalidate: (event) => callbacks.invalidate({ ...event, pages: 1 }),
        released: () => callbacks.released(),
      }),
    }),
}
