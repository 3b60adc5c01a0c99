import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const scanProtectsNothing: BrokenBackend = {
  name: 'scan-protects-nothing',
  breaks: 'a scan says which pages were written the first time, and every time again',
  caughtBy: 'events/pagemap-scan/read-is-no-write',
  wrap: (raw) =>
    decorate(raw, {
      space: (space) => ({
        userfaultfd: async (request, onFault) => {
          const userfaultfd = await space.userfaultfd!(request, onFault)
          return replace(userfaultfd, {
            scan: async (page, pages) => {
              const written = await userfaultfd.scan!(page, pages)
              await userfaultfd.writeProtect(page, pages, false)
              return written.fill(1)
            },
          })
        },
      }),
    }),
}
