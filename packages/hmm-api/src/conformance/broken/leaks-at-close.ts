import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const leaksAtClose: BrokenBackend = {
  name: 'leaks-at-close',
  breaks: 'the backend keeps something after its close',
  caughtBy: 'lifecycle/close/backend-twice',
  wrap: (raw) =>
    decorate(raw, {
      backend: (backend) => ({
        close: async () => [...(await backend.close()), { kind: 'iova', name: 'lost' }],
      }),
    }),
}
