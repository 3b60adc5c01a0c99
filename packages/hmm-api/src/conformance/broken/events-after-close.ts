import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const eventsAfterClose: BrokenBackend = {
  name: 'events-after-close',
  breaks: 'a mirror is still on the list of its process after it was closed, and is told',
  caughtBy: 'lifecycle/close/closed-mirror-hears-nothing',
  wrap: (raw) => decorate(raw, { mirror: () => ({ close: async () => undefined }) }),
}
