import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const readMapsWritable: BrokenBackend = {
  name: 'read-maps-writable',
  breaks: 'pages mapped for reading may be written by the device',
  caughtBy: 'mirror/map/zero-page-stays-zero',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        map: (request, wait) => mirror.map({ ...request, write: true }, wait),
      }),
    }),
}
