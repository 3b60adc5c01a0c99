import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const mergedPagesStayMapped: BrokenBackend = {
  name: 'merged-pages-stay-mapped',
  breaks: 'pages that were merged are not told: a device writes to what others read',
  caughtBy: 'events/ksm/merge',
  wrap: (raw) => {
    let merging = false
    return decorate(raw, {
      space: (space) => ({
        mergePages: async (startPage, pages) => {
          merging = true
          await space.mergePages!(startPage, pages)
          merging = false
        },
      }),
      callbacks: (callbacks) => ({
        invalidate: (event) => (merging ? undefined : callbacks.invalidate(event)),
        released: () => callbacks.released(),
      }),
    })
  },
}
