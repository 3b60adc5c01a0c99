import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const coherentNotZeroed: BrokenBackend = {
  name: 'coherent-not-zeroed',
  breaks: 'a coherent buffer shows what was in the memory before',
  caughtBy: 'dma/coherent/zeroed',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ dma }) => ({
        dma: replace(dma, {
          allocCoherent: async (bytes) => {
            const buffer = await dma.allocCoherent(bytes)
            buffer.write(0, new Uint8Array(bytes).fill(0xff))
            return buffer
          },
        }),
      }),
    }),
}
