import { HmmError } from '../../error/hmm-error.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const wrongErrno: BrokenBackend = {
  name: 'wrong-errno',
  breaks: 'a write to read-only memory fails with EFAULT instead of EPERM',
  caughtBy: 'range-fault/fault/write-to-read-only',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        fault: (request, wait) =>
          mirror.fault(request, wait).catch((error: unknown) => {
            throw HmmError.is(error, 'EPERM') ? new HmmError('EFAULT') : error
          }),
      }),
    }),
}
