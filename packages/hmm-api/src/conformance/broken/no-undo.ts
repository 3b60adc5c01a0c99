import type { RawMapAttempt } from '../../raw/raw-mirror.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const noUndo: BrokenBackend = {
  name: 'no-undo',
  breaks: 'what a failed commit was given stays mapped',
  caughtBy: 'mirror/commit/throwing-undoes-the-map',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        map: async (request, wait) => {
          const attempt = await mirror.map(request, wait)
          const commit = (run: () => void) => keepingAll(attempt, run)
          return { entries: attempt.entries, commit, undo: () => undefined }
        },
      }),
    }),
}

/** Commits whatever happens, so that the backend sees no reason to undo anything either. */
function keepingAll(attempt: RawMapAttempt, run: () => void): boolean {
  const failures: unknown[] = []
  const done = attempt.commit(() => {
    try {
      run()
    } catch (error) {
      failures.push(error)
    }
  })
  if (failures.length > 0) throw failures[0]
  return done
}
