import { HmmError } from '../../error/hmm-error.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const startWithoutEnd: BrokenBackend = {
  name: 'start-without-end',
  breaks: 'an invalidation that began never ends: readers wait for it until their deadline',
  caughtBy: 'sequence/protocol/begun-again',
  wrap: (raw) => {
    let newest = { isInvalidating: false }
    return decorate(raw, {
      callbacks: (callbacks) => {
        const state: { isInvalidating: boolean } = (newest = { isInvalidating: false })
        return {
          invalidate: (event) => {
            state.isInvalidating = true
            return callbacks.invalidate(event)
          },
          released: () => callbacks.released(),
        }
      },
      mirror: (mirror) => {
        const state = newest
        return {
          readBegin: async (wait) => {
            const sequence = await mirror.readBegin(wait)
            if (!state.isInvalidating) return sequence
            throw new HmmError('EBUSY', { message: 'an invalidation of the range runs' })
          },
        }
      },
    })
  },
}
