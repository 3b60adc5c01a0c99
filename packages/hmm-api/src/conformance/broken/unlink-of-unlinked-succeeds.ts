import { HmmError } from '../../error/hmm-error.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const unlinkOfUnlinkedSucceeds: BrokenBackend = {
  name: 'unlink-of-unlinked-succeeds',
  breaks: 'unlinking what is not linked succeeds: a driver bug stays hidden',
  caughtBy: 'dma/window/unlink-of-unlinked',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ dma }) => ({
        dma: replace(dma, {
          openWindow: async (pages, wait) => {
            const window = await dma.openWindow(pages, wait)
            return replace(window, {
              unlink: (at, count) => {
                try {
                  window.unlink(at, count)
                } catch (error) {
                  if (!HmmError.is(error, 'EINVAL')) throw error
                }
              },
            })
          },
        }),
      }),
    }),
}
