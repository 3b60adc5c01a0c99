import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const hugePageAdviceIgnored: BrokenBackend = {
  name: 'huge-page-advice-ignored',
  breaks: 'memory that asks for huge pages gets small ones',
  caughtBy: 'range-fault/huge-page/fault-of-one-page',
  wrap: (raw) =>
    decorate(raw, {
      space: (space) => ({
        madvise: (startPage, pages, advice) =>
          space.madvise(startPage, pages, advice === 'hugepage' ? 'nohugepage' : advice),
      }),
    }),
}
