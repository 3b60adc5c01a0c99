import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const hugePagesTorn: BrokenBackend = {
  name: 'huge-pages-torn',
  breaks: 'a migration takes huge pages apart although they could move whole',
  caughtBy: 'memory/huge-page/there-and-back',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ memory }) => ({
        memory:
          memory &&
          replace(memory, {
            migrate: (mirror, request, wait) =>
              memory.migrate(mirror, { ...request, order: 0 }, wait),
          }),
      }),
    }),
}
