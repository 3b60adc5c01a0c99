import { HmmError } from '../../error/hmm-error.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const hugePagesInParts: BrokenBackend = {
  name: 'huge-pages-in-parts',
  breaks: 'munmap of a part of a huge page seems to work',
  caughtBy: 'events/hugetlb/part-of-a-huge-page',
  wrap: (raw) =>
    decorate(raw, {
      space: (space) => ({
        munmap: (startPage, pages) =>
          space.munmap(startPage, pages).catch((error: unknown) => {
            if (!HmmError.is(error, 'EINVAL')) throw error
          }),
      }),
    }),
}
