import type { Counters } from '@hmm-sdk/hmm-api'
import { check } from './call-error.js'
import type { Descriptor } from './descriptor.js'
import * as uapi from './uapi.js'

export function noCounters(): Counters {
  return {
    deviceFaults: 0,
    pagesMapped: 0,
    pagesUnmapped: 0,
    invalidations: 0,
    pagesMigratedToDevice: 0,
    pagesMigratedToSystem: 0,
  }
}

/** `sum` with the counts of `more` added to it. */
export function addCounters(sum: Counters, more: Counters): Counters {
  for (const name of Object.keys(sum) as (keyof Counters)[]) sum[name] += more[name]
  return sum
}

/** COUNTERS of a device. */
export function deviceCounters(descriptor: Descriptor): Counters {
  return descriptor.once(uapi.IOC_COUNTERS, uapi.Counters, {}, (result, call) => {
    check(result)
    return {
      deviceFaults: call.get('deviceFaults'),
      pagesMapped: call.get('pagesMapped'),
      pagesUnmapped: call.get('pagesUnmapped'),
      invalidations: call.get('invalidations'),
      pagesMigratedToDevice: call.get('migratedToDevice'),
      pagesMigratedToSystem: call.get('migratedToSystem'),
    }
  })
}
