import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const segmentsOutOfOrder: BrokenBackend = {
  name: 'segments-out-of-order',
  breaks: 'the parts of a list come in another order: a message arrives jumbled',
  caughtBy: 'dma/list/parts-in-order',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ dma }) => ({
        dma: replace(dma, {
          mapList: (parts, ...rest) => dma.mapList!([...parts].reverse(), ...rest),
        }),
      }),
    }),
}
