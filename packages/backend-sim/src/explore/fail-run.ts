import type { Leak } from '@hmm-sdk/hmm-api'
import type { FailurePoint, FiredFailure } from '../sim/failure-point.js'
import { whenIdle } from '../sim/idle.js'
import type { FailOptions } from './fail-every-step.js'
import { hmmErrorIn, NotingWorld, type FailScenario } from './fail-world.js'
import { watchRejections } from './rejections.js'

/** A pass of a point: the `nth` since the simulation began, 1 for the first. */
export interface FailedStep {
  readonly point: FailurePoint
  readonly nth: number
}

/** What was wrong after a failure. */
export const FAIL_CHECKS = [
  /** An assertion of the scenario, or any other error that no failure explains: data is wrong. */
  'assertion',
  /** The caller got an error that does not say what failed (a TypeError, say). */
  'wrong-error',
  /** Something is still open or in use at the end. */
  'leak',
  /** A device reaches what it must not, or a count of the simulation is wrong. */
  'inconsistent',
  /** The checker of DMA, or hmm-api, found a mistake of the driver. */
  'checker',
  /** The scenario never ended: somebody waits for what does not come. */
  'stuck',
  /** An error that nobody handled. */
  'unhandled',
  /** A failure that was asked for did not happen: the scenario is not the same in every run. */
  'nondeterminism',
] as const
export type FailCheck = (typeof FAIL_CHECKS)[number]

/** Something wrong, and after which failures. */
export interface FailFinding {
  readonly check: FailCheck
  readonly failures: readonly FailedStep[]
  readonly message: string
}

/**
 * How a failure ended: `told`, the error reached the caller; `retried`, somebody did more
 * than usual and went on; `absorbed`, all went on without, such as a page that stays where it is.
 */
export type FailOutcome = 'told' | 'retried' | 'absorbed'

/** One run of a scenario. */
export interface FailRun {
  readonly outcome: FailOutcome | undefined
  readonly findings: readonly FailFinding[]
  readonly reached: Readonly<Record<FailurePoint, number>>
  readonly fired: readonly FiredFailure[]
  /** Calls that the scenario made. */
  readonly operations: number
  /** Steps and errors by which the caller was told. */
  readonly errors: readonly string[]
}

/** Turns of the event loop without any progress after which a scenario is stuck, */
const IDLE_TURNS = 200
/** and turns after which it is stuck in any case: it sleeps and tries again for ever. */
const MOST_TURNS = 5000

/** Runs the scenario once with `failures`; `usual` is the run without any. */
export async function failRun(
  scenario: FailScenario,
  options: FailOptions,
  failures: readonly FailedStep[],
  usual?: FailRun,
): Promise<FailRun> {
  const world = await NotingWorld.open(options)
  // A driver that tries again for ever is stuck too.
  world.control.limitOperations(100 * (usual?.operations ?? 10_000) + 10_000)
  for (const { point, nth } of failures) world.control.failNth(point, nth)
  const findings: FailFinding[] = []
  const find = (check: FailCheck, message: string): void => {
    findings.push({ check, failures, message })
  }
  const rejections = watchRejections()
  const errors: string[] = []
  try {
    const ended = await settle(
      Promise.resolve().then(() => scenario(world)),
      world,
    )
    const fired = world.control.fired()
    const reached = world.control.reached()
    const operations = world.control.operations()
    for (const { step, error } of world.told) errors.push(`${step}: ${messageOf(error)}`)
    if (ended === 'stuck') {
      find('stuck', 'the scenario waits for something that never comes, or for a timer or I/O')
      return { outcome: undefined, findings, reached, fired, operations, errors }
    }
    if (ended.error !== undefined) {
      if (fired.length === 0) find('assertion', messageOf(ended.error))
      else if (hmmErrorIn(ended.error) !== undefined) errors.push(messageOf(ended.error))
      else find(isStumble(ended.error) ? 'wrong-error' : 'assertion', messageOf(ended.error))
    }
    if (fired.length < failures.length) {
      const { point, nth } = failures[fired.length]!
      find('nondeterminism', `pass ${nth} of '${point}' was not reached in this run`)
    }
    for (const problem of [...world.problems, ...world.control.problems()]) {
      find('inconsistent', problem)
    }
    await closeAndFind(world, find)
    for (const error of await rejections.take()) find('unhandled', messageOf(error))
    const outcome = outcomeOf({ errors, operations, reached }, usual)
    return { outcome, findings, reached, fired, operations, errors }
  } finally {
    // What comes late is of this run too.
    await rejections.take()
    rejections.stop()
  }
}

async function closeAndFind(
  world: NotingWorld,
  find: (check: FailCheck, message: string) => void,
): Promise<void> {
  let leaks: readonly Leak[] = []
  const closing = world.close().then((left) => void (leaks = left))
  const closed = await settle(closing, world)
  if (closed === 'stuck') return find('stuck', 'backend.close() does not end')
  if (closed.error !== undefined) find('wrong-error', `close: ${messageOf(closed.error)}`)
  for (const { kind, name } of leaks) find('leak', `${kind} ${name}`)
  for (const { text } of world.backend.report().misuses) find('checker', text)
}

/** Waits for `work`; `stuck` when the simulation can do nothing more for it. */
async function settle(
  work: Promise<unknown>,
  { control }: NotingWorld,
): Promise<{ readonly error: unknown } | 'stuck'> {
  let ended: { readonly error: unknown } | undefined
  work.then(
    () => (ended = { error: undefined }),
    (error: unknown) => (ended = { error: error ?? new Error('undefined was thrown') }),
  )
  let before = ''
  for (let idle = 0, turns = 0; idle < IDLE_TURNS && turns < MOST_TURNS; idle++, turns++) {
    await turn()
    if (ended !== undefined) return ended
    const now = `${control.now()} ${control.operations()}`
    if (now !== before) idle = 0
    before = now
  }
  return 'stuck'
}

function turn(): Promise<void> {
  return new Promise((resolve) => whenIdle(resolve))
}

function outcomeOf(
  { errors, operations, reached }: Pick<FailRun, 'errors' | 'operations' | 'reached'>,
  usual: FailRun | undefined,
): FailOutcome {
  if (errors.length > 0) return 'told'
  if (usual === undefined) return 'absorbed'
  const points = Object.keys(reached) as FailurePoint[]
  const more = points.some((point) => reached[point] > usual.reached[point])
  return more || operations > usual.operations ? 'retried' : 'absorbed'
}

/** Errors of the language: code stumbled over what a failure left, and nobody meant to say so. */
function isStumble(error: unknown): boolean {
  return [TypeError, RangeError, ReferenceError, SyntaxError].some((kind) => error instanceof kind)
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const [first = ''] = error.message.split('\n')
  const cause = error.cause === undefined ? '' : ` (${messageOf(error.cause)})`
  return `${error.name === 'HmmError' ? '' : `${error.name}: `}${first}${cause}`
}
