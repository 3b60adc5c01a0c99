import { HmmError } from '../../error/hmm-error.js'
import type { RawUserfaultfd } from '../../raw/raw-address-space.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const servedTwice: BrokenBackend = {
  name: 'served-twice',
  breaks: 'a userfaultfd does not say that a page is there already',
  caughtBy: 'events/userfaultfd/copied-twice',
  wrap: (raw) =>
    decorate(raw, {
      space: (space) => ({
        userfaultfd: async (request, onFault) => silent(await space.userfaultfd!(request, onFault)),
      }),
    }),
}

function silent(userfaultfd: RawUserfaultfd): RawUserfaultfd {
  return replace(userfaultfd, {
    copy: (...rest) =>
      userfaultfd.copy(...rest).catch((error: unknown) => {
        if (!HmmError.is(error, 'EEXIST')) throw error
      }),
  })
}
