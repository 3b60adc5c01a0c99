import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const segmentsTooLong: BrokenBackend = {
  name: 'segments-too-long',
  breaks: 'segments are joined beyond their limit: the length does not fit a descriptor',
  caughtBy: 'dma/list/max-segment',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ dma }) => ({
        dma: replace(dma, {
          mapList: (parts, ...rest) => {
            const list = dma.mapList!(parts, ...rest)
            const bytes = parts.reduce((sum, part) => sum + part.bytes, 0)
            return replace(list, { segments: [{ ...list.segments[0]!, bytes }] })
          },
        }),
      }),
    }),
}
