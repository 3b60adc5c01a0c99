import { HmmError } from '../../error/hmm-error.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const movesOverwrite: BrokenBackend = {
  name: 'moves-overwrite',
  breaks: 'a page that is moved takes the place of one that is there',
  caughtBy: 'events/userfaultfd/move-to-where-a-page-is',
  wrap: (raw) =>
    decorate(raw, {
      space: (space) => ({
        userfaultfd: async (request, onFault) => {
          const userfaultfd = await space.userfaultfd!(request, onFault)
          return replace(userfaultfd, {
            move: async (page, from, pages) => {
              try {
                await userfaultfd.move!(page, from, pages)
              } catch (error) {
                if (!HmmError.is(error, 'EEXIST')) throw error
                await space.madvise(page, pages, 'dontneed')
              }
            },
          })
        },
      }),
    }),
}
