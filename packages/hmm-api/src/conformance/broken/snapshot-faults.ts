import { ENTRY_REQ_FAULT } from '../../entry.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const snapshotFaults: BrokenBackend = {
  name: 'snapshot-faults',
  breaks: 'a snapshot makes pages present',
  caughtBy: 'range-fault/snapshot/untouched',
  wrap: (raw) =>
    decorate(raw, {
      mirror: (mirror) => ({
        fault: (request, wait) => {
          const defaultFlags = request.defaultFlags | ENTRY_REQ_FAULT
          return mirror.fault({ ...request, defaultFlags }, wait)
        },
      }),
    }),
}
