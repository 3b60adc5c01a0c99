import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const boundaryIgnored: BrokenBackend = {
  name: 'boundary-ignored',
  breaks: 'segments cross the boundary that the device asked for: its address counter wraps',
  caughtBy: 'dma/list/boundary',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ dma }) => ({
        dma: replace(dma, {
          setSegmentLimits: (limits) =>
            dma.setSegmentLimits!({ ...limits, boundaryMask: 2 ** 32 - 1 }),
        }),
      }),
    }),
}
