import type { BrokenBackend } from './broken-backend.js'
import { decorate, replace } from './decorate.js'

export const evictDoesNothing: BrokenBackend = {
  name: 'evict-does-nothing',
  breaks: 'eviction leaves the pages in device memory',
  caughtBy: 'memory/evict/evict',
  wrap: (raw) =>
    decorate(raw, {
      device: ({ memory }) => ({
        memory: memory && replace(memory, { evict: async () => 0 }),
      }),
    }),
}
