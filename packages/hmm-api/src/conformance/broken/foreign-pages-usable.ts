import { ENTRY_VALID } from '../../entry.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const foreignPagesUsable: BrokenBackend = {
  name: 'foreign-pages-usable',
  breaks: 'pages in the memory of another device are reported as usable, and not faulted',
  caughtBy: 'memory/cpu-fault/fault-of-another-device-brings-it-back',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        fault: async (request, wait) => {
          const sequence = await mirror.fault({ ...request, defaultFlags: 0, mask: 0 }, wait)
          const { entries } = request
          for (let word = 1; word < entries.length; word += 2) {
            entries[word] = (entries[word] as number) | ENTRY_VALID
          }
          return sequence
        },
      }),
    }),
}
