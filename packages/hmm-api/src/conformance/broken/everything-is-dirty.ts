import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const everythingIsDirty: BrokenBackend = {
  name: 'everything-is-dirty',
  breaks: 'pages count as written that were not',
  caughtBy: 'events/soft-dirty/the-next-write',
  wrap: (raw) =>
    decorate(raw, {
      space: () => ({
        softDirty: async (_startPage, pages) => new Uint8Array(pages).fill(1),
      }),
    }),
}
