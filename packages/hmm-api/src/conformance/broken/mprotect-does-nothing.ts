import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const mprotectDoesNothing: BrokenBackend = {
  name: 'mprotect-does-nothing',
  breaks: 'mprotect has no effect',
  caughtBy: 'input/access/read-of-none',
  wrap: (raw) => decorate(raw, { space: () => ({ mprotect: async () => undefined }) }),
}
