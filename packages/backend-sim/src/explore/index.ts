/**
 * Exploration of schedules: runs a scenario under many interleavings, shrinks the one that fails,
 * and replays it from a token.
 */
export { explore } from './explore.js'
export type { Exploration } from './exploration.js'
export type { Failure, FailureKind, Finding } from './failure.js'
export type { Budget, ExploreOptions, Strategies } from './options.js'
export type { Coverage, Covered, Progress } from './progress.js'
export { describeFailure, RaceError, raceTest, type RaceTestOptions } from './race-test.js'
export { record } from './record.js'
export { formatRecording, parseRecording, type RecordedCall, type Recording } from './recording.js'
export { replayRecording, type ReplayedRecording } from './replay-recording.js'
export { replay } from './replay.js'
export type { Row } from './row.js'
export { defineScenario, type Actors, type Scenario, type World } from './scenario.js'
export { describeSwitch, type Switch } from './switch.js'
export { renderTable } from './table.js'
export { decodeToken, encodeToken, type TokenContent } from './token.js'
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
