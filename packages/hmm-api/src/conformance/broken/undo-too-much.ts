import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const undoTooMuch: BrokenBackend = {
  name: 'undo-too-much',
  breaks: 'undoing a map also unmaps what was mapped before it',
  caughtBy: 'mirror/commit/throwing-keeps-earlier-mappings',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        map: async (request, wait) => {
          const attempt = await mirror.map(request, wait)
          const commit = (run: () => void) => attempt.commit(run)
          const undo = () => mirror.unmap(request.first, request.pages)
          return { entries: attempt.entries, commit, undo }
        },
      }),
    }),
}
