import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const neverReleased: BrokenBackend = {
  name: 'never-released',
  breaks: 'the end of the process is never told: cleaning up waits for ever',
  caughtBy: 'events/release/exit',
  wrap: (raw) =>
    decorate(raw, {
      callbacks: (callbacks) => ({
        invalidate: (event) => callbacks.invalidate(event),
        released: () => undefined,
      }),
    }),
}
