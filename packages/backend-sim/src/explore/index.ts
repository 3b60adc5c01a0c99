/**
 * Finds what goes wrong in drivers when things fail: `failEveryStep`.
 */
export {
  failEveryStep,
  failStep,
  type FailOptions,
  type FailPoint,
  type FailReport,
} from './fail-every-step.js'
export {
  FAIL_CHECKS,
  type FailCheck,
  type FailedStep,
  type FailFinding,
  type FailOutcome,
} from './fail-run.js'
export type { FailScenario, FailWorld } from './fail-world.js'
