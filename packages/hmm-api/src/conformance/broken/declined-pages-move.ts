import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const declinedPagesMove: BrokenBackend = {
  name: 'declined-pages-move',
  breaks: 'a migration moves pages that the driver declined',
  caughtBy: 'memory/migrate/declined',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ memory }) => ({
        memory:
          memory &&
          replace(memory, {
            migrate: (mirror, request, wait) =>
              memory.migrate(mirror, { ...request, declined: [] }, wait),
          }),
      }),
    }),
}
