import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const scanDoesNothing: BrokenBackend = {
  name: 'scan-does-nothing',
  breaks: 'NUMA balancing never asks who uses a page',
  caughtBy: 'events/numa-scan/scan',
  wrap: (raw) => decorate(raw, { space: () => ({ numaScan: async () => undefined }) }),
}
