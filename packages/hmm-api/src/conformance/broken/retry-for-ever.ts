import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const retryForEver: BrokenBackend = {
  name: 'retry-for-ever',
  breaks: 'readRetry asks for a retry although nothing happened: no progress',
  caughtBy: 'sequence/protocol/quiet',
  wrap: (raw) => decorate(raw, { mirror: () => ({ readRetry: () => true }) }),
}
