import { FAILURE_POINTS } from '../sim/failure-point.js'
import { checkKeys, checkNumber, checkOptions } from '../sim/options.js'
import { checkDevices } from './check-devices.js'
import type { FailOptions } from './fail-every-step.js'

const KNOWN: readonly string[] = [
  'name',
  'simulation',
  'devices',
  'points',
  'pairs',
  'onProgress',
] satisfies readonly (keyof FailOptions)[]

/** Throws TypeError for an unknown key or a value that an option of `what` cannot have. */
export function checkFailOptions(what: string, given: FailOptions): void {
  checkKeys(what, given, KNOWN)
  checkDevices(given.devices, checkOptions(given.simulation).kernel)
  if (given.pairs !== undefined) checkNumber('pairs', given.pairs, 0, 1e9)
  for (const point of given.points ?? []) {
    if (FAILURE_POINTS.includes(point)) continue
    throw new TypeError(`points: '${String(point)}' is not one of ${FAILURE_POINTS.join(', ')}`)
  }
}
