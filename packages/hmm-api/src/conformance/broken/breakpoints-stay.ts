import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const breakpointsStay: BrokenBackend = {
  name: 'breakpoints-stay',
  breaks: 'a breakpoint that is removed stays in the copy of the page',
  caughtBy: 'events/uprobe/put-and-removed',
  wrap: (raw) =>
    decorate(raw, {
      space: (space) => ({
        createFile: async (pages, hugetlb) => {
          const file = await space.createFile(pages, hugetlb)
          return replace(file, {
            uprobe: async (offset) => {
              await file.uprobe!(offset)
              return { close: async () => undefined }
            },
          })
        },
      }),
    }),
}
