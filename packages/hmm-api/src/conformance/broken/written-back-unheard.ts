import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const writtenBackUnheard: BrokenBackend = {
  name: 'written-back-unheard',
  breaks: 'writeback is not told: what a device writes after it never gets to the disk',
  caughtBy: 'events/writeback/sync',
  wrap: (raw) =>
    decorate(raw, {
      callbacks: (callbacks) => ({
        invalidate: (event) =>
          event.kind === 'protection-page' ? undefined : callbacks.invalidate(event),
        released: () => callbacks.released(),
      }),
    }),
}
