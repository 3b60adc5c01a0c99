import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const ownEventsUnseen: BrokenBackend = {
  name: 'own-events-unseen',
  breaks: 'what a device has done itself is no reason to retry: drivers use pages that have moved',
  caughtBy: 'sequence/commit/refused-after-its-own-migration',
  wrap: (raw) => {
    let foreign = 0
    return decorate(raw, {
      callbacks: (callbacks) => ({
        released: () => callbacks.released(),
        invalidate: (event) => {
          if (!event.self) foreign += 1
          return callbacks.invalidate(event)
        },
      }),
      mirror: (mirror) => {
        const begun = new Map<number, number>()
        const began = (sequence: number): number => {
          begun.set(sequence, foreign)
          return sequence
        }
        return {
          readBegin: async (wait) => began(await mirror.readBegin(wait)),
          fault: async (...request) => began(await mirror.fault(...request)),
          readRetry: (sequence) => mirror.readRetry(sequence) && begun.get(sequence) !== foreign,
        }
      },
    })
  },
}
