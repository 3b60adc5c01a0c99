import { ENTRY_VALID, ENTRY_WRITE } from '../../entry.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const zeroPageWritable: BrokenBackend = {
  name: 'zero-page-writable',
  breaks: 'every present page is reported as writable, the zero page too',
  caughtBy: 'range-fault/snapshot/zero-page',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        fault: async (request, wait) => {
          const sequence = await mirror.fault(request, wait)
          for (let high = 1; high < request.entries.length; high += 2) {
            const word = request.entries[high] as number
            if ((word & ENTRY_VALID) !== 0) request.entries[high] = word | ENTRY_WRITE
          }
          return sequence
        },
      }),
    }),
}
