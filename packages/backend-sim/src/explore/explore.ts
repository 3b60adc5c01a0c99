import { whenIdle } from '../sim/idle.js'
import { CoverageMap } from './coverage-map.js'
import { DepthFirst } from './depth-first.js'
import type { Exploration } from './exploration.js'
import { nondeterminism, signatureOf, type Failure, type Finding } from './failure.js'
import { cannotFollow, createIdentity } from './identity.js'
import { inTurn, refusedInside } from './in-turn.js'
import { checkExploreOptions, type CheckedExploreOptions, type ExploreOptions } from './options.js'
import { Priorities } from './priorities.js'
import { RandomWalk } from './random-walk.js'
import { watchRejections, type Rejections } from './rejections.js'
import { runRecorded, toFailure, type Recorded } from './replay.js'
import { runScenario } from './run-scenario.js'
import type { RunOptions, RunResult } from './schedule-run.js'
import type { Scenario } from './scenario.js'
import { sameSteps } from './same-steps.js'
import { shrink } from './shrink.js'
import type { Strategy } from './strategy.js'
import { TrailDecider } from './switch-decider.js'
import { DEFAULT_DECIDER } from './decider.js'
import { withoutStacks } from './without-stacks.js'

/** Share of the budget for the bounded search; the rest is for random choices. */
const BOUNDED_SHARE = 0.6
/** A tree of schedules that is as small as that is searched to its end. */
const SMALL = 1000
/** Milliseconds between two turns of the event loop, and between two calls of `onProgress`. */
const TURN_MS = 50
const PROGRESS_MS = 250

/**
 * Runs `scenario` under many schedules until one fails: first those in which everybody runs until
 * it has to wait, then those with one preemption, two, three, then at random. Equal options give
 * equal results, unless the time of the budget ends the search, or the second and a half that
 * shrinking may take ends that. Several at once in one process take turns.
 *
 * Rejects with TypeError for options that it does not know, and inside a scenario; what the scenario
 * does wrong is in the result.
 */
export async function explore(
  scenario: Scenario,
  options: ExploreOptions = {},
): Promise<Exploration> {
  const checked = checkExploreOptions(options)
  return inTurn('explore', () => searchWatched(scenario, checked))
}

/** Searches, and knows of each rejected promise whose it is. */
async function searchWatched(
  scenario: Scenario,
  checked: CheckedExploreOptions,
): Promise<Exploration> {
  const rejections = watchRejections()
  let told: readonly unknown[] = []
  try {
    const result = await searchInWays(scenario, checked)
    told = await rejections.take()
    if (told.length === 0) return result
    // Of which schedule they are shows when each is waited for.
    const attributing = new Attributing(rejections)
    const again = await searchInWays(scenario, checked, attributing)
    if (attributing.count > 0) told = []
    return again
  } finally {
    rejections.stop(told)
  }
}

/** Searches in the fastest way that is fit. */
async function searchInWays(
  scenario: Scenario,
  options: CheckedExploreOptions,
  rejections?: Rejections,
): Promise<Exploration> {
  let ways: readonly Way[] = options.mode === 'exact' ? ['exact'] : WAYS
  for (let way = ways[0]; way !== undefined; way = ways[0]) {
    const search = new Search(scenario, options, way, rejections)
    const result = await search.run()
    search.close()
    if (typeof result !== 'string') return result
    ways = result === 'external' && way !== 'exact' ? ['exact'] : ways.slice(1)
  }
  // Exact mode is always fit, where there is one.
  throw cannotFollow()
}

/** Counts those that were told while schedules waited for them. */
class Attributing implements Rejections {
  count = 0
  readonly #rejections: Rejections

  constructor(rejections: Rejections) {
    this.#rejections = rejections
  }

  async take(): Promise<readonly unknown[]> {
    const taken = await this.#rejections.take()
    this.count += taken.length
    return taken
  }

  stop(): void {
    this.#rejections.stop()
  }
}

/** Ways to run schedules, the fastest first; each gives the same schedules. */
const WAYS = ['fast', 'stopping', 'exact'] as const
type Way = (typeof WAYS)[number]
/** Why another way is needed. */
type Unfit = NonNullable<RunResult['unfit']>
/** How a search for schedules ended, if without a failure. */
type Searched = 'all' | 'budget' | 'flat' | Unfit

class Search {
  readonly #scenario: Scenario
  readonly #options: CheckedExploreOptions
  readonly #coverage = new CoverageMap()
  readonly #begin = performance.now()
  readonly #identity
  readonly #fast: boolean
  readonly #rejections: Rejections | undefined
  /** Gives errors their stacks again. */
  #stacks: () => void = () => undefined
  #schedules = 0
  #points = 0
  #complete: number | undefined
  #turn = performance.now()
  #told = performance.now()

  constructor(
    scenario: Scenario,
    options: CheckedExploreOptions,
    way: Way,
    rejections: Rejections | undefined,
  ) {
    this.#rejections = rejections
    this.#scenario = scenario
    this.#options = way === 'exact' ? { ...options, mode: 'exact' } : options
    this.#fast = way === 'fast'
    this.#identity = way === 'exact' ? createIdentity(options.name) : undefined
  }

  /** Why it needs another way, if it does. */
  async run(): Promise<Exploration | Unfit> {
    const options = this.#options
    if (options.selfCheck && this.#rejections === undefined) {
      const ended = await this.#selfCheck()
      if (ended !== undefined) return ended
    }
    const bounded = Math.ceil(options.schedules * BOUNDED_SHARE)
    for (const preemptions of this.#bounds()) {
      const strategy = new DepthFirst(preemptions, options.shard)
      const ended = await this.#search(strategy, bounded)
      if (typeof ended !== 'string') return ended
      if (ended === 'external' || ended === 'fan-out') return ended
      if (strategy.diverged !== undefined) {
        const message = `the same schedule went on differently at ${strategy.diverged}`
        const failure = await this.#failure(nondeterminism(message), [])
        return typeof failure === 'string' ? failure : this.#ended('failure', failure)
      }
      if (ended !== 'all') break
      this.#complete = preemptions
      if (!strategy.cut) return this.#ended('complete', undefined)
    }
    const random: Strategy[] = [
      ...(options.randomWalk ? [new RandomWalk(options.seed, options.shard)] : []),
      ...options.pct.map((depth) => new Priorities(options.seed, depth, options.shard)),
    ]
    let flat = random.length > 0
    for (const [index, strategy] of random.entries()) {
      const left = options.schedules - this.#schedules
      const until = this.#schedules + Math.ceil(left / (random.length - index))
      const ended = await this.#search(strategy, until)
      if (typeof ended !== 'string') return ended
      if (ended === 'external' || ended === 'fan-out') return ended
      flat &&= ended === 'flat'
    }
    return this.#ended(flat ? 'coverage' : 'budget', undefined)
  }

  /** The bounds to search; after them more, as long as that is nothing. */
  *#bounds(): Generator<number> {
    const { preemptions, schedules } = this.#options
    yield* preemptions
    if (!this.#options.goOn) return
    let next = Math.max(-1, ...preemptions) + 1
    while (this.#schedules < Math.min(SMALL, schedules * BOUNDED_SHARE)) yield next++
  }

  close(): void {
    this.#identity?.disable()
  }

  /** Runs schedules of `strategy` until `until` have run in all, or it is out of them. */
  async #search(strategy: Strategy, until: number): Promise<Exploration | Searched> {
    this.#stacks = withoutStacks()
    try {
      return await this.#schedulesOf(strategy, until)
    } finally {
      this.#stacks()
    }
  }

  async #schedulesOf(strategy: Strategy, until: number): Promise<Exploration | Searched> {
    const random = !(strategy instanceof DepthFirst)
    let flat = 0
    const trail: number[] = []
    const how: RunOptions = {
      decider: strategy,
      maxSteps: this.#options.maxSteps,
      lostUpdates: this.#options.lostUpdates,
      fast: this.#fast,
      identity: this.#identity,
      rejections: this.#rejections,
      recorder: undefined,
      step: this.#coverage.step,
      trail,
    }
    while (strategy.next()) {
      const now = performance.now()
      if (this.#schedules >= until || now - this.#begin > this.#options.ms) return 'budget'
      if (now - this.#turn >= TURN_MS) {
        this.#stacks()
        await this.#breathe(strategy.name)
        this.#stacks = withoutStacks()
      }
      const before = this.#coverage.points + this.#coverage.racingPairs
      this.#coverage.begin()
      const result = await runScenario(this.#scenario, this.#options, how)
      if (result.unfit !== undefined) return result.unfit
      const fresh = strategy.ran(result)
      if (fresh) this.#schedules++
      this.#points += result.steps
      if (result.finding !== undefined) {
        const failure = await this.#failure(result.finding, trail.slice(0, result.choices))
        return typeof failure === 'string' ? failure : this.#ended('failure', failure)
      }
      flat = this.#coverage.points + this.#coverage.racingPairs > before ? 0 : flat + 1
      if (random && flat >= this.#options.flat) return 'flat'
    }
    return 'all'
  }

  /** What was found, run once more with everything written down, and made short. */
  async #failure(finding: Finding, trail: readonly number[]): Promise<Failure | Unfit> {
    this.#stacks()
    // What was rejected until now is not of the run that follows.
    await new Promise<void>(whenIdle)
    const schedules = Math.max(1, this.#schedules)
    const decider = new TrailDecider(trail)
    let recorded = await runRecorded(this.#scenario, this.#options, () => decider)
    if (finding.kind === 'nondeterminism') {
      return toFailure(finding, recorded, this.#options, schedules)
    }
    const again = recorded.finding
    if (again === undefined || signatureOf(again) !== signatureOf(finding)) {
      if (this.#fast) return 'fan-out'
      if (this.#options.mode === 'batched') return 'external'
      // What is outside may be as fast as it likes the second time.
      if (finding.kind === 'uncontrolled-wait') {
        return toFailure(finding, recorded, this.#options, schedules)
      }
      const now = again === undefined ? 'it passed' : again.message
      const message = `a failing schedule went on differently when it ran again\n  first: ${finding.message}\n  then: ${now}`
      return toFailure(nondeterminism(message), recorded, this.#options, schedules)
    }
    if (this.#options.shrink)
      recorded = await shrink(this.#scenario, this.#options, recorded, this.#fast)
    return toFailure(recorded.finding!, recorded, this.#options, schedules)
  }

  /** Runs the first schedule twice: equal steps, or the scenario depends on something else. */
  async #selfCheck(): Promise<Exploration | Unfit | undefined> {
    const refused = refusedInside()
    const run = (): Promise<Recorded> =>
      runRecorded(this.#scenario, this.#options, () => DEFAULT_DECIDER, 'no-rejections')
    const first = await run()
    // Only exact mode knows that an exploration is started inside the scenario, and says so.
    if (refusedInside() > refused && this.#options.mode === 'batched') return 'external'
    if (first.finding !== undefined) return undefined
    const second = await run()
    const message = sameSteps(first.rows, second.rows)
    if (message === undefined) return undefined
    const failure = toFailure(nondeterminism(message), second, this.#options, 1)
    return this.#ended('failure', failure)
  }

  #ended(reason: Exploration['reason'], failure: Failure | undefined): Exploration {
    return {
      failure,
      schedules: this.#schedules,
      points: this.#points,
      completePreemptions: this.#complete,
      reason,
      coverage: { points: this.#coverage.points, racingPairs: this.#coverage.racingPairs },
      ...(this.#options.covered ? { covered: this.#coverage.covered() } : {}),
      seconds: (performance.now() - this.#begin) / 1000,
      mode: this.#options.mode,
    }
  }

  /** Lets timers, signals and whoever else waits have a turn now and then. */
  async #breathe(strategy: string): Promise<void> {
    const now = performance.now()
    await new Promise<void>(whenIdle)
    this.#turn = performance.now()
    const { onProgress } = this.#options
    if (onProgress === undefined || now - this.#told < PROGRESS_MS) return
    this.#told = now
    onProgress({
      schedules: this.#schedules,
      schedulesPerSecond: Math.round(this.#schedules / ((now - this.#begin) / 1000)),
      strategy,
      coverage: { points: this.#coverage.points, racingPairs: this.#coverage.racingPairs },
    })
  }
}
