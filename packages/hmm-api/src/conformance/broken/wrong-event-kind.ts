import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const wrongEventKind: BrokenBackend = {
  name: 'wrong-event-kind',
  breaks: 'munmap is told as "clear": the driver keeps its region',
  caughtBy: 'events/mapping/munmap',
  wrap: (raw) =>
    decorate(raw, {
      callbacks: (callbacks) => ({
        invalidate: (event) =>
          callbacks.invalidate(event.kind === 'unmap' ? { ...event, kind: 'clear' } : event),
        released: () => callbacks.released(),
      }),
    }),
}
