import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const unmapDoesNothing: BrokenBackend = {
  name: 'unmap-does-nothing',
  breaks: 'unmapped pages stay reachable for the device',
  caughtBy: 'mirror/map/unmap',
  wrap: (raw) => decorate(raw, { mirror: () => ({ unmap: () => undefined }) }),
}
