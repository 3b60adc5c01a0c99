import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const listStaysMapped: BrokenBackend = {
  name: 'list-stays-mapped',
  breaks: 'unmap of a list leaves it mapped: a late device reads memory of somebody else',
  caughtBy: 'dma/list/unmapped-is-unreachable',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ dma }) => ({
        dma: replace(dma, {
          mapList: (...request) => replace(dma.mapList!(...request), { unmap: () => undefined }),
        }),
      }),
    }),
}
