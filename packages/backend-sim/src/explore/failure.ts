import type { Row } from './row.js'
import type { Switch } from './switch.js'

/** What an exploration can find. */
export type FailureKind =
  /** The scenario or an actor threw. */
  | 'assertion'
  /** A check of the API or of DMA reported a misuse. */
  | 'checker'
  /** The device used memory after the driver was told that it is gone. */
  | 'stale-access'
  /** What somebody wrote is gone, though nobody wrote over it knowing of it, or discarded it. */
  | 'lost-update'
  /** The simulation's own consistency does not hold. */
  | 'oracle'
  /** Something was left open, or memory was left in use. */
  | 'leak'
  /** Nobody can go on, because of locks. */
  | 'deadlock'
  /** Somebody waits for what nobody will wake. */
  | 'lost-wakeup'
  /** A promise was rejected, and nobody had heard of it when the schedule ended. */
  | 'unhandled'
  /** Two locks are taken in both orders. */
  | 'lock-order'
  /** Everybody goes on, and nobody gets anywhere. */
  | 'livelock'
  /** An actor waits for a timer, or for input and output, which no schedule controls. */
  | 'uncontrolled-wait'
  /** The same schedule ran differently the second time. */
  | 'nondeterminism'

/** What went wrong, before it is known how it came to that. */
export interface Finding {
  readonly kind: FailureKind
  readonly message: string
  /** What was thrown, if something was. */
  readonly error?: unknown
}

/** A schedule that fails: why, how to see it again, and what happened. */
export interface Failure extends Finding {
  /** What differs from the schedule in which everybody runs until it has to wait. */
  readonly switches: readonly Switch[]
  /** One line that `replay` takes. */
  readonly token: string
  /** What happened, one column per actor, one line per step. */
  readonly table: string
  /** The same as data. */
  readonly rows: readonly Row[]
  /** Schedules that ran until it was found, this one included. */
  readonly schedulesUntilFound: number
}

/** The scenario is no function of its schedule, as `message` says. */
export function nondeterminism(message: string): Finding {
  const advice =
    'A scenario depends on its schedule only: no Math.random, no clock of the machine, nothing kept from run to run.'
  return { kind: 'nondeterminism', message: `${message}\n  ${advice}` }
}

/** What two failures have in common that are the same bug: numbers and addresses do not count. */
export function signatureOf(finding: Finding): string {
  const line = finding.message.split('\n', 1)[0]!
  return `${finding.kind}: ${line.replace(/0x[0-9a-f]+|\d+/gi, '#')}`
}
