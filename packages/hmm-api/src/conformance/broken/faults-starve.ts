import { HmmError } from '../../error/hmm-error.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const faultsStarve: BrokenBackend = {
  name: 'faults-starve',
  breaks: 'a range fault makes no progress while the CPU touches the page as well',
  caughtBy: 'memory/cpu-fault/touch-while-another-device-faults',
  wrap: (raw) => {
    let touching = 0
    return decorate(raw, {
      space: (space) => ({
        read: async (page, offset, length) => {
          touching += 1
          try {
            return await space.read(page, offset, length)
          } finally {
            touching -= 1
          }
        },
      }),
      mirror: (mirror) => ({
        fault: async (request, wait) => {
          if (touching > 0) throw new HmmError('EBUSY', { message: 'no progress' })
          return mirror.fault(request, wait)
        },
      }),
    })
  },
}
