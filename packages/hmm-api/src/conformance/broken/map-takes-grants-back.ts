import { ENTRY_REQ_FAULT } from '../../entry.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const mapTakesGrantsBack: BrokenBackend = {
  name: 'map-takes-grants-back',
  breaks: 'a map faults the pages that the device holds exclusively, which ends the grants',
  caughtBy: 'exclusive/map-keeps-the-grant',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        map: async (request, wait) => {
          const { first, pages } = request
          const entries = new Uint32Array(2 * pages)
          const defaultFlags = request.fault ? ENTRY_REQ_FAULT : 0
          await mirror.fault({ first, pages, defaultFlags, mask: 0, entries }, wait)
          return mirror.map(request, wait)
        },
      }),
    }),
}
