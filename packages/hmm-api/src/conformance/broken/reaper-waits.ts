import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const reaperWaits: BrokenBackend = {
  name: 'reaper-waits',
  breaks: 'the OOM reaper is said to wait for whoever is told: one that sleeps would stop it',
  caughtBy: 'events/oom-reaper/reap',
  wrap: (raw) =>
    decorate(raw, {
      callbacks: (callbacks) => ({
        invalidate: (event) => callbacks.invalidate({ ...event, blockable: true }),
        released: () => callbacks.released(),
      }),
    }),
}
