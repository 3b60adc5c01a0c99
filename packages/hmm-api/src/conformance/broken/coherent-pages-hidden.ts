import { ENTRY_DEVICE } from '../../entry.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const coherentPagesHidden: BrokenBackend = {
  name: 'coherent-pages-hidden',
  breaks: "a snapshot does not say that a device-coherent page is in the device's own memory",
  memoryKind: 'coherent',
  caughtBy: 'memory/coherent/mprotect-gives-the-right-back',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        fault: async (request, wait) => {
          const sequence = await mirror.fault(request, wait)
          const { entries } = request
          for (let word = 1; word < entries.length; word += 2) {
            entries[word] = (entries[word] as number) & ~ENTRY_DEVICE
          }
          return sequence
        },
      }),
    }),
}
