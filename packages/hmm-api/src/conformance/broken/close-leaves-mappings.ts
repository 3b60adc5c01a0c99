import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const closeLeavesMappings: BrokenBackend = {
  name: 'close-leaves-mappings',
  breaks: 'a closed mirror leaves its pages mapped',
  caughtBy: 'mirror/map/close-unmaps',
  wrap: (raw) => decorate(raw, { mirror: () => ({ close: async () => undefined }) }),
}
