import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const stackStays: BrokenBackend = {
  name: 'stack-stays',
  breaks: 'a mapping that is to grow down stays as it is',
  caughtBy: 'events/stack/grows',
  wrap: (raw) =>
    decorate(raw, {
      space: (space) => ({
        mmap: (request) => space.mmap({ ...request, growsDown: false }),
      }),
    }),
}
