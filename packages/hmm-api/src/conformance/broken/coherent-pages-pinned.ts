import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const coherentPagesPinned: BrokenBackend = {
  name: 'coherent-pages-pinned',
  breaks:
    'pages are pinned for long where they are, in the memory of a device, which can never give them up',
  memoryKind: 'coherent',
  caughtBy: 'memory/coherent/pin-brings-it-back',
  wrap: (raw) =>
    decorate(raw, {
      space: () => ({ pin: async () => ({ close: async () => {} }) }),
    }),
}
