import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const windowSyncOfNothing: BrokenBackend = {
  name: 'window-sync-of-nothing',
  breaks: 'a sync of a window succeeds though nothing is linked: the missing link is not noticed',
  caughtBy: 'dma/window/sync-of-nothing-linked',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ dma }) => ({
        dma: replace(dma, {
          openWindow: async (...request) =>
            replace(await dma.openWindow(...request), { sync: () => undefined }),
        }),
      }),
    }),
}
