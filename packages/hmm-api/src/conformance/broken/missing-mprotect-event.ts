import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const missingMprotectEvent: BrokenBackend = {
  name: 'missing-mprotect-event',
  breaks: 'mprotect is not told: the driver keeps rights that are gone',
  caughtBy: 'events/protection/write-to-read',
  wrap: (raw) =>
    decorate(raw, {
      callbacks: (callbacks) => ({
        invalidate: (event) =>
          event.kind === 'protection-vma' ? undefined : callbacks.invalidate(event),
        released: () => callbacks.released(),
      }),
    }),
}
