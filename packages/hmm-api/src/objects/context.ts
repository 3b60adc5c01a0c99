import type { VirtualRange } from '../address/virtual-range.js'
import { HmmError } from '../error/hmm-error.js'
import { shown } from '../error/shown.js'
import type { Flow, MisuseSites, TraceEvent } from '../event.js'
import type { RawBackend, RawWait } from '../raw/raw-backend.js'
import type { RawExplorer, RawScheduler } from '../raw/raw-scheduler.js'

/** How a waiting call can be bounded. */
export interface Wait {
  /** Aborts the wait: HmmError EINTR, whose cause is the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /**
   * Milliseconds (of the backend's clock) after which it fails: EBUSY for work on mirrored ranges,
   * which has 10 seconds if left out, ETIMEDOUT for everything else, which has no limit then.
   */
  readonly deadlineMs?: number | undefined
}

/** What a call is made for. */
export interface Caused {
  /** Of the device fault that the call serves: trace events of the call have it too. */
  readonly flow?: Flow | undefined
}

/** A mistake of the driver, found where nobody could be told at once. */
export interface Misuse {
  /** What was found, such as `'invalidate-callback'`: it threw, or returned a promise. */
  readonly check: string
  readonly text: string
  /** What was thrown, with its stack; undefined for what a backend found. */
  readonly error: unknown
  readonly sites?: MisuseSites
}

/**
 * What all objects of one backend share: the operation that a failure is named after, and the
 * guard that keeps commits and invalidate callbacks synchronous.
 */
export class Context {
  readonly raw: RawBackend
  /** What drivers did wrong where nobody could be told at once. */
  readonly misuses: Misuse[] = []
  /** The listener of `backend.trace`. */
  traceListener: ((event: TraceEvent) => void) | undefined
  private inside: string | undefined
  #flows = 0

  constructor(raw: RawBackend) {
    this.raw = raw
  }

  /** The number of a flow that begins. */
  newFlow(): Flow {
    return (this.raw.newFlow?.() ?? ++this.#flows) as Flow
  }

  /** Records a mistake of the driver, and traces it. */
  misuse(check: string, error: unknown): void {
    const text = error instanceof Error ? error.message : String(error)
    this.misuses.push({ check, text, error })
    const at = this.raw.scheduler.now()
    this.traceListener?.({ at, flow: 0, type: 'misuse', check, text })
  }

  /** Adds operation, range and backend to a failure. Other errors pass as they are. */
  decorate(error: unknown, op: string, range?: VirtualRange): unknown {
    return HmmError.is(error) ? error.with({ op, range, backend: this.raw.name }) : error
  }

  /** Runs a synchronous raw call for the public operation `op`. */
  call<T>(op: string, range: VirtualRange | undefined, run: () => T): T {
    try {
      return run()
    } catch (error) {
      throw this.decorate(error, op, range)
    }
  }

  /** Returns the promise of a raw call that may sleep; not allowed inside a commit. */
  wait<T>(op: string, range: VirtualRange | undefined, run: () => Promise<T>): Promise<T> {
    try {
      this.mayWait(op)
      const { explorer } = this.raw.scheduler
      if (explorer !== undefined) return this.#explored(explorer, op, range, run)
      return run().catch((error: unknown) => Promise.reject(this.decorate(error, op, range)))
    } catch (error) {
      return Promise.reject(this.decorate(error, op, range))
    }
  }

  /** Others may run between the effect of a call and what its caller does next. */
  async #explored<T>(
    explorer: RawExplorer,
    op: string,
    range: VirtualRange | undefined,
    run: () => Promise<T>,
  ): Promise<T> {
    explorer.enter(op)
    explorer.begin()
    try {
      const value = await run()
      const turn = WAITS_ONLY.has(op) ? undefined : explorer.pause('return', undefined)
      if (turn !== undefined) await turn
      return value
    } catch (error) {
      throw this.decorate(error, op, range)
    } finally {
      explorer.leave()
    }
  }

  /** For explorers: others may be woken by what the running strand does now. */
  touch(): void {
    if (this.inside === undefined) this.raw.scheduler.explorer?.touch()
  }

  /** Throws EDEADLK inside a commit or an invalidate callback, where nothing may map or wait. */
  mayWait(op: string): void {
    if (this.inside !== undefined) throw insideSection(op, this.inside)
  }

  /**
   * Runs `run` as a section that must not wait. A returned promise is EDEADLK: the section's work
   * would go on after its lock is dropped.
   */
  section<T>(name: string, run: () => T): T
  section<A, T>(name: string, run: (argument: A) => T, argument: A): T
  section<A, T>(name: string, run: (argument: A) => T, argument?: A): T {
    const outer = this.inside
    this.inside = name
    try {
      const result = run(argument as A)
      if (isPromiseLike(result)) throw returnedPromise(name, result)
      return result
    } finally {
      this.inside = outer
    }
  }
}

function returnedPromise(section: string, promise: PromiseLike<unknown>): HmmError {
  // Its outcome is reported through this error; an unhandled rejection says nothing new.
  Promise.resolve(promise).catch(() => undefined)
  return new HmmError('EDEADLK', {
    message: `${section} returned a promise`,
    hint: 'Make it synchronous: no async, no await; all it did is rolled back.',
  })
}

function insideSection(op: string, section: string): HmmError {
  return new HmmError('EDEADLK', {
    op,
    message: `called inside ${section}, which holds the lock that the call needs`,
    hint: 'Only record what you were given there; map, fault and wait after it returned.',
  })
}

/** Operations that change nothing but who waits: others cannot see whether they have returned. */
const WAITS_ONLY: ReadonlySet<string> = new Set([
  'mutex.lock',
  'completion.wait',
  'workQueue.flush',
  'clock.sleep',
])

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    (typeof value === 'object' || typeof value === 'function') &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

/**
 * Checks the options of a waiting call. TypeError for what is no signal (a controller, say), and for a
 * negative or non-numeric deadline; Infinity is none.
 */
export function rawWait(wait: Wait | undefined): RawWait {
  const { signal, deadlineMs } = wait ?? {}
  if (deadlineMs !== undefined && (typeof deadlineMs !== 'number' || !(deadlineMs >= 0))) {
    throw new TypeError(`deadlineMs is a number of milliseconds, not ${shown(deadlineMs)}`)
  }
  if (signal !== undefined && checkSignal(signal).aborted) throw interrupted(signal)
  return { signal, deadlineMs: deadlineMs === Infinity ? undefined : deadlineMs }
}

/** TypeError for what is no signal, whichever class it is of: a polyfill has its own. */
export function checkSignal(signal: AbortSignal): AbortSignal {
  if (typeof signal?.aborted === 'boolean' && typeof signal.addEventListener === 'function') {
    return signal
  }
  throw new TypeError(`signal is an AbortSignal (controller.signal), not ${shown(signal)}`)
}

/** The error of a wait that `signal` ended. */
export function interrupted(signal: AbortSignal): HmmError {
  return new HmmError('EINTR', { message: 'aborted by its signal', cause: signal.reason })
}

/**
 * How long range work is repeated when no deadline is given, in milliseconds. The kernel's drivers
 * take one second (HMM_RANGE_DEFAULT_TIMEOUT); from user space, perhaps emulated, a round is slower.
 */
const DEFAULT_RANGE_DEADLINE_MS = 10_000
/** Rounds after which others get a turn, so that timers, signals and limits work in any case. */
const ROUNDS_BETWEEN_TURNS = 64

const DEFAULT_RANGE_WAIT: RawWait = Object.freeze({
  signal: undefined,
  deadlineMs: DEFAULT_RANGE_DEADLINE_MS,
})

/** The wait options of range work, which has a deadline in any case. */
export function rangeWait(options: (Wait & Caused) | undefined): RawWait {
  const { flow, signal, deadlineMs } = options ?? {}
  if (flow === undefined && signal === undefined && deadlineMs === undefined)
    return DEFAULT_RANGE_WAIT
  return givenRangeWait(options as Wait & Caused)
}

// Apart, so that what is called most often is small enough to be inlined: so are others below.
function givenRangeWait(options: Wait & Caused): RawWait {
  const flow = checkFlow(options.flow)
  const wait = rawWait(options)
  return options.deadlineMs === undefined
    ? { signal: wait.signal, deadlineMs: DEFAULT_RANGE_DEADLINE_MS, flow }
    : { ...wait, flow }
}

/** `flow`, if it is one; TypeError otherwise. */
export function checkFlow(flow: number | undefined): number | undefined {
  if (flow === undefined || (Number.isSafeInteger(flow) && flow > 0)) return flow
  throw new TypeError(`flow is that of a device fault (fault.flow), not ${shown(flow)}`)
}

/** Range work that is tried again until its deadline is over. */
export class Rounds {
  readonly #scheduler: RawScheduler
  readonly #wait: RawWait
  readonly #start: number
  #rounds = 0

  constructor(context: Context, options: (Wait & Caused) | undefined) {
    this.#scheduler = context.raw.scheduler
    this.#start = this.#scheduler.now()
    this.#wait = rangeWait(options)
  }

  /**
   * The wait options of the next round: same signal, the time that is left. EBUSY when that is none,
   * EINTR when the signal is aborted.
   */
  next(): RawWait {
    const { signal, deadlineMs, flow } = this.#wait
    if (signal?.aborted) throw interrupted(signal)
    if (this.#rounds++ === 0 || deadlineMs === undefined) return this.#wait
    const left = deadlineMs - (this.#scheduler.now() - this.#start) / 1e6
    if (left >= 0) return { signal, deadlineMs: left, flow }
    throw new HmmError('EBUSY', {
      message: `invalidations kept coming in until the deadline of ${deadlineMs} ms`,
      hint: 'Try again later, or give a longer deadlineMs.',
    })
  }

  /** After a round that came to nothing: now and then others get a turn. */
  async pause(): Promise<void> {
    if (this.#rounds % ROUNDS_BETWEEN_TURNS !== 0) return
    await this.#scheduler.sleep(0, this.#wait.signal)
  }
}
