import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const countersStandStill: BrokenBackend = {
  name: 'counters-stand-still',
  breaks: 'nothing is counted',
  caughtBy: 'mirror/counted/map-and-unmap',
  wrap: (raw) =>
    decorate(raw, {
      backend: (backend) => {
        const counters = { ...backend.counters() }
        return { counters: () => ({ ...counters }) }
      },
    }),
}
