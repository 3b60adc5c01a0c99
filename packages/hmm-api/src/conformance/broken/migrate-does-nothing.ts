import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const migrateDoesNothing: BrokenBackend = {
  name: 'migrate-does-nothing',
  breaks: 'a migration reports success and moves nothing',
  caughtBy: 'memory/migrate/to-device',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ memory }) => ({
        memory:
          memory &&
          replace(memory, {
            migrate: async (_mirror, { pages }) => ({ outcomes: new Uint8Array(pages) }),
          }),
      }),
    }),
}
