import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const toDeviceIsWritable: BrokenBackend = {
  name: 'to-device-is-writable',
  breaks: 'the device may write what was mapped for reading',
  caughtBy: 'dma/streaming/to-device-is-not-writable',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ dma }) => ({
        dma: replace(dma, {
          map: (buffer, offset, bytes, _direction, attributes) =>
            dma.map(buffer, offset, bytes, 'bidirectional', attributes),
        }),
      }),
    }),
}
