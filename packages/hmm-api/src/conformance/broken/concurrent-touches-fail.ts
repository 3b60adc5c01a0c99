import { HmmError } from '../../error/hmm-error.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const concurrentTouchesFail: BrokenBackend = {
  name: 'concurrent-touches-fail',
  breaks: 'two CPU faults of one device page hold each other up until both fail',
  caughtBy: 'memory/cpu-fault/two-touches-at-once',
  wrap: (raw) =>
    decorate(raw, {
      space: (space) => {
        let running = 0
        return {
          read: async (page, offset, length) => {
            running += 1
            try {
              if (running > 1) throw new HmmError('EFAULT', { message: 'SIGBUS' })
              return await space.read(page, offset, length)
            } finally {
              running -= 1
            }
          },
        }
      },
    }),
}
