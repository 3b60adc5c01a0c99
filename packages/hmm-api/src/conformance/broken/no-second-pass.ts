import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const noSecondPass: BrokenBackend = {
  name: 'no-second-pass',
  breaks: 'the second pass of an invalidation is not run: flushes never end',
  caughtBy: 'events/delivery/second-pass',
  wrap: (raw) =>
    decorate(raw, {
      callbacks: (callbacks) => ({
        invalidate: (event) => void callbacks.invalidate(event),
        released: () => callbacks.released(),
      }),
    }),
}
