import { HmmError } from '../../error/hmm-error.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const noPageInError: BrokenBackend = {
  name: 'no-page-in-error',
  breaks: 'the error of a map does not say which page is to blame',
  caughtBy: 'mirror/all-or-nothing/hole-in-the-middle',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        map: async (request, wait) => {
          try {
            return await mirror.map(request, wait)
          } catch (error) {
            throw HmmError.is(error) ? new HmmError(error.code) : error
          }
        },
      }),
    }),
}
