import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const killDoesNothing: BrokenBackend = {
  name: 'kill-does-nothing',
  breaks: 'a killed process lives on: its memory is never released',
  caughtBy: 'events/release/kill',
  wrap: (raw) => decorate(raw, { space: () => ({ kill: async () => undefined }) }),
}
