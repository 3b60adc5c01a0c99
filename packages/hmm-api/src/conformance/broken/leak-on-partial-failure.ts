import { HmmError } from '../../error/hmm-error.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const leakOnPartialFailure: BrokenBackend = {
  name: 'leak-on-partial-failure',
  breaks: 'the pages before the failing one stay mapped',
  caughtBy: 'mirror/all-or-nothing/hole-in-the-middle',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        map: async (request, wait) => {
          try {
            return await mirror.map(request, wait)
          } catch (error) {
            const pages = HmmError.is(error) ? (error.page ?? 0) : 0
            if (pages > 0) (await mirror.map({ ...request, pages }, wait)).commit(() => undefined)
            throw error
          }
        },
      }),
    }),
}
