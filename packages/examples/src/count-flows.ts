import type { Backend } from '@hmm-sdk/hmm-api'
import type { Flows } from './summary.js'

/** Follows the device faults of `backend` from now on; the returned function ends that. */
export function countFlows(backend: Backend): () => Flows {
  const faults = new Set<number>()
  const mapped = new Set<number>()
  const failed = new Set<number>()
  const stop = backend.trace((event) => {
    if (event.type === 'fault-report') faults.add(event.flow)
    else if (!faults.has(event.flow)) return
    else if (event.type === 'dma-map') mapped.add(event.flow)
    else if (event.type === 'fault-answer' && event.outcome === 'failed') failed.add(event.flow)
  })
  return () => {
    stop()
    return { faults: faults.size, mapped: mapped.size, failed: failed.size }
  }
}
