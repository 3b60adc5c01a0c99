import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const noRetryCheck: BrokenBackend = {
  name: 'no-retry-check',
  breaks: 'commits run although the pages were invalidated since the fault',
  caughtBy: 'sequence/commit/refused-after-munmap',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        readRetry: () => false,
        map: async (request, wait) => {
          const attempt = await mirror.map(request, wait)
          const commit = (run: () => void) => (run(), true)
          return { entries: attempt.entries, commit, undo: () => attempt.undo() }
        },
      }),
    }),
}
