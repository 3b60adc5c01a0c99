import { HmmError } from '../../error/hmm-error.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const maskSetWhileInUse: BrokenBackend = {
  name: 'mask-set-while-in-use',
  breaks: 'a mask seems to be set although what is mapped already may lie beyond it',
  caughtBy: 'dma/iova/mask-while-in-use',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ dma }) => ({
        dma: replace(dma, {
          setMask: (bits) => {
            try {
              dma.setMask(bits)
            } catch (error) {
              if (!HmmError.is(error, 'EBUSY')) throw error
            }
          },
        }),
      }),
    }),
}
