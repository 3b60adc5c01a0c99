import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const presentOnlyFaults: BrokenBackend = {
  name: 'present-only-faults',
  breaks: 'a map of what is present faults in what is not',
  caughtBy: 'mirror/present-only/leaves-out-absent-pages',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        map: (request, wait) => mirror.map({ ...request, fault: true }, wait),
      }),
    }),
}
