import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const ioIsMemory: BrokenBackend = {
  name: 'io-is-memory',
  breaks: 'memory as of a device is mirrored like any other',
  caughtBy: 'range-fault/driver-pages/io',
  wrap: (raw) =>
    decorate(raw, {
      space: (space) => ({
        mmap: ({ driverPages, ...request }) =>
          space.mmap({ ...request, driverPages: driverPages && 'inserted' }),
      }),
    }),
}
