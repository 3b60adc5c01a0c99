import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const maskIgnored: BrokenBackend = {
  name: 'mask-ignored',
  breaks: 'the DMA mask has no effect: a device gets addresses that it cannot drive',
  caughtBy: 'dma/streaming/mask-too-small',
  wrap: (raw) =>
    decorate(raw, { device: ({ dma }) => ({ dma: replace(dma, { setMask: () => undefined }) }) }),
}
