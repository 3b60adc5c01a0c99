import type { Decider } from './decider.js'
import { DepthFirst } from './depth-first.js'
import { signatureOf, type Finding } from './failure.js'
import type { CheckedExploreOptions } from './options.js'
import { runRecorded, type Recorded } from './replay.js'
import { watchRejections } from './rejections.js'
import { runScenario } from './run-scenario.js'
import type { Scenario } from './scenario.js'
import type { Stop } from './strand.js'
import { SwitchDecider, TrailDecider } from './switch-decider.js'
import { createIdentity } from './identity.js'

/** Steps of the schedules that are searched, in all: a second or so. Equal options give equal results. */
const MOST_STEPS = 100_000
/** Milliseconds after which it ends in any case: a scenario may wait for something outside. */
const MOST_MS = 10_000
/** Schedules that are searched for one with fewer preemptions, or without an actor. */
const MOST_SCHEDULES = 3000

/** What a failing schedule costs its reader: actors, then switches, then steps. */
function costOf({ rows, switches }: Recorded): number {
  const strands = new Set(rows.map(({ strand }) => strand)).size
  return strands * 1e8 + switches.length * 1e5 + rows.length
}

/**
 * The shortest schedule it finds in about a second that fails for the same reason: with fewer
 * preemptions, with actors that never get to run, without switches that do not matter.
 */
export async function shrink(
  scenario: Scenario,
  options: CheckedExploreOptions,
  found: Recorded,
  fast: boolean,
): Promise<Recorded> {
  const shrinker = new Shrinker(scenario, options, found, fast)
  await shrinker.fewerPreemptions()
  await shrinker.withoutSwitches()
  await shrinker.fewerActors()
  await shrinker.withoutSwitches()
  await shrinker.close()
  return shrinker.best
}

class Shrinker {
  best: Recorded
  readonly #scenario: Scenario
  readonly #options: CheckedExploreOptions
  readonly #signature: string
  readonly #until = performance.now() + MOST_MS
  #steps = 0
  readonly #identity
  readonly #fast: boolean
  readonly #rejections = watchRejections()
  /** Whether each schedule waits for what is told of its promises. */
  readonly #waits: boolean

  constructor(scenario: Scenario, options: CheckedExploreOptions, found: Recorded, fast: boolean) {
    this.#fast = fast
    this.#scenario = scenario
    this.#options = options
    this.best = found
    this.#signature = signatureOf(found.finding!)
    this.#waits = found.finding!.kind === 'unhandled'
    this.#identity = options.mode === 'exact' ? createIdentity(options.name) : undefined
  }

  /** Searches with bounds 0..k for the same failure, as long as that is fewer. */
  async fewerPreemptions(): Promise<void> {
    for (let bound = 0; bound < Math.min(4, this.best.switches.length); bound++) {
      if (await this.#search(bound, (strategy) => strategy)) return
    }
  }

  /** Tries schedules in which one actor runs only when nobody else can. */
  async fewerActors(): Promise<void> {
    const strands = new Set(this.best.rows.map(({ strand }) => strand))
    if (strands.size < 3) return
    for (const name of strands) {
      for (let bound = 0; bound <= Math.min(3, this.best.switches.length); bound++) {
        if (await this.#search(bound, (strategy) => new WithoutStrand(strategy, name))) break
      }
    }
  }

  /** Leaves out one switch after the other. */
  async withoutSwitches(): Promise<void> {
    for (let i = this.best.switches.length - 1; i >= 0; i--) {
      if (this.#late()) return
      const { switches } = this.best
      await this.#try(
        (recorder) =>
          new SwitchDecider([...switches.slice(0, i), ...switches.slice(i + 1)], recorder),
      )
    }
  }

  async close(): Promise<void> {
    // Those of the schedules that were tried are nobody else's business.
    await this.#rejections.take()
    this.#rejections.stop()
    this.#identity?.disable()
  }

  #mayGoOn(): boolean {
    return this.#steps < MOST_STEPS && !this.#late()
  }

  #late(): boolean {
    return performance.now() > this.#until
  }

  #same(finding: Finding | undefined): boolean {
    return finding !== undefined && signatureOf(finding) === this.#signature
  }

  /** Keeps what `decider` makes of it if that fails in the same way and is cheaper. */
  async #try(decider: Parameters<typeof runRecorded>[2]): Promise<boolean> {
    const recorded = await runRecorded(this.#scenario, this.#options, decider)
    if (!this.#same(recorded.finding) || costOf(recorded) >= costOf(this.best)) return false
    this.best = recorded
    return true
  }

  /** The first schedule with `bound` preemptions that fails in the same way and is cheaper. */
  async #search(bound: number, wrap: (strategy: DepthFirst) => Decider): Promise<boolean> {
    const strategy = new DepthFirst(bound)
    const decider = wrap(strategy)
    const identity = this.#identity
    const { maxSteps, lostUpdates } = this.#options
    for (let i = 0; i < MOST_SCHEDULES && this.#mayGoOn() && strategy.next(); i++) {
      const trail: number[] = []
      const how = {
        decider,
        maxSteps,
        lostUpdates,
        fast: this.#fast,
        identity,
        rejections: this.#waits ? this.#rejections : undefined,
        recorder: undefined,
        step: undefined,
        trail,
      }
      const { finding, steps } = await runScenario(this.#scenario, this.#options, how)
      this.#steps += steps
      if (this.#same(finding) && (await this.#try(() => new TrailDecider(trail)))) return true
    }
    return false
  }
}

/** Chooses among the others as long as there are any. */
class WithoutStrand implements Decider {
  readonly #inner: Decider
  readonly #name: string

  constructor(inner: Decider, name: string) {
    this.#inner = inner
    this.#name = name
  }

  choose(stops: readonly Stop[], preempts: boolean, from: Stop | undefined): number {
    const others = stops.filter(({ strand }) => strand.name !== this.#name)
    if (others.length === 0) return 0
    if (others.length === stops.length) return this.#inner.choose(stops, preempts, from)
    const preempted = preempts && others[0] === stops[0]
    const choice = others.length === 1 ? 0 : this.#inner.choose(others, preempted, from)
    return stops.indexOf(others[choice]!)
  }
}
