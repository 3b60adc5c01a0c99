import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const lostEvents: BrokenBackend = {
  name: 'lost-events',
  breaks: 'invalidations are never delivered',
  caughtBy: 'events/delivery/before-a-later-fault',
  wrap: (raw) =>
    decorate(raw, {
      callbacks: (callbacks) => ({
        invalidate: () => undefined,
        released: () => callbacks.released(),
      }),
    }),
}
