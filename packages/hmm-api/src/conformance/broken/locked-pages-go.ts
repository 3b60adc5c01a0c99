import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const lockedPagesGo: BrokenBackend = {
  name: 'locked-pages-go',
  breaks: 'mlock faults pages in, and does not keep them',
  caughtBy: 'events/mlock/advice-that-drops-pages',
  wrap: (raw) =>
    decorate(raw, {
      space: (space) => ({
        mlock: async (startPage, pages, lock) => {
          await space.mlock!(startPage, pages, lock)
          await space.mlock!(startPage, pages, false)
        },
      }),
    }),
}
