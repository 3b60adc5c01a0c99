import type { RawWaitKind } from '@hmm-sdk/hmm-api/raw'
import { whenIdle } from '../sim/idle.js'
import type { Park } from '../sim/operation.js'
import type { Explorer, PointKind, Scheduler, UpdateWatch } from '../sim/scheduler.js'
import { callSite } from './call-site.js'
import type { Decider } from './decider.js'
import type { Finding } from './failure.js'
import type { Identity } from './identity.js'
import { LockOrder } from './lock-order.js'
import { pendingResources } from './pending-resources.js'
import type { Recorder } from './recorder.js'
import type { Actors } from './scenario.js'
import type { Rejections } from './rejections.js'
import { segmentEnd } from './segment-end.js'
import { Stop, Strand } from './strand.js'
import { stuckFinding } from './stuck.js'

/** How one schedule is run. */
export interface RunOptions {
  readonly decider: Decider
  /** Steps after which nobody is thought to get anywhere. */
  readonly maxSteps: number
  /** Go on at points without a stop where that comes to the same. */
  readonly fast: boolean
  /** Set in exact mode: who runs is known whatever promises it waits for. */
  readonly identity: Identity | undefined
  /** Whether lost updates are findings. */
  readonly lostUpdates: boolean
  /** Set: each schedule waits for what the platform tells of rejected promises. */
  readonly rejections: Rejections | undefined
  /** Told of everything, with stacks taken. */
  readonly recorder: Recorder | undefined
  /** Told of each step, without anything that costs. */
  readonly step: ((stop: Stop) => void) | undefined
  /** Gets what the decider chose, choice by choice; what stands behind them is of schedules before. */
  readonly trail: number[] | undefined
}

/** How one schedule ended. */
export interface RunResult {
  readonly finding: Finding | undefined
  /**
   * Why this way to run it cannot do it: a strand waited for a promise of its own (`'external'`:
   * only exact mode knows whose steps are whose), or has several calls going (`'fan-out'`: each
   * point has to be a stop).
   */
  readonly unfit: 'external' | 'fan-out' | undefined
  readonly steps: number
  /** Steps that were chosen among several. */
  readonly choices: number
}

/** After so many steps of one strand another gets the turn, so that polling is no livelock. */
const FAIR_STEPS = 500
const NOTHING: readonly string[] = []

/** Cuts `list` off; setting its length is slow, and an array that was empty once gets new memory. */
function shorten(list: unknown[], length: number): void {
  while (list.length > length) list.pop()
}

/**
 * One schedule: one strand runs at a time, and when it stops or ends the decider says who is next.
 *
 * A stop is where a strand waits: at a point (it can go on at once) or for something. What a strand
 * does from one stop to the next is atomic for the others; it includes all microtasks.
 */
export class ScheduleRun implements Explorer, UpdateWatch {
  /** The clock of the simulation, once there is one. */
  scheduler: Scheduler | undefined
  readonly #options: RunOptions
  readonly #main = new Strand(0, 'scenario', false)
  readonly #strands: Strand[] = [this.#main]
  #locks: LockOrder | undefined
  #names: Map<string, number> | undefined
  #strand = this.#main
  #fiber = 0
  #from: Stop | undefined
  #racing = false
  #actors = 0
  #raceEnd: Stop | undefined
  #ids = 1
  #steps = 0
  #streak = 0
  /** Strands that run inside the call that started them: they stop at their first point. */
  #starting = 0
  #choices = 0
  #over = false
  #end: (result: RunResult) => void = () => undefined
  readonly #enabled: Stop[] = []
  /** Whether `#enabled` is something else than the point and who could go on at the last one. */
  #changed = true
  /** Decided at a point, for the end of the segment. */
  #chosen: Stop | undefined
  /** The point at which the strand that runs is. */
  readonly #here: Stop
  #known = NOTHING
  readonly #atSegmentEnd = segmentEnd(() => this.#next())

  constructor(options: RunOptions) {
    this.#options = options
    // What is pending already, of earlier schedules say, is not what this one waits for.
    if (options.identity !== undefined) this.#known = pendingResources()
    this.#here = new Stop(this.#main, 0, '', '', 'point', undefined, false, () => undefined)
  }

  /** Runs `work` as the first strand; the actors of its races come on top. */
  execute(work: () => Promise<Finding | undefined>): Promise<RunResult> {
    return new Promise((resolve) => {
      this.#end = resolve
      this.#run(this.#main, work)
      this.#atSegmentEnd()
    })
  }

  report(kind: 'stale-access' | 'lost-update', message: string): void {
    this.#finish({ kind, message })
  }

  get updates(): UpdateWatch | undefined {
    return this.#options.lostUpdates ? this : undefined
  }

  get racing(): boolean {
    return this.#racing
  }

  who(): Strand {
    return this.#self()
  }

  /** Error for a scenario that ends before its race. */
  checkOver(): void {
    if (this.#actors > 0) throw new Error('it ended before its race; write: await race({ ... })')
  }

  /** See {@link World.race}. */
  race(actors: Actors): Promise<void> {
    const names = Object.keys(actors)
    if (this.#actors > 0) return Promise.reject(new TypeError('race: one race at a time'))
    if (names.length === 0) return Promise.resolve()
    this.#actors = names.length
    this.#racing = true
    const end = this.#stop('race', 'event', this, false)
    this.#raceEnd = this.#last
    for (const name of names) {
      const actor = actors[name]
      if (typeof actor !== 'function') {
        return Promise.reject(new TypeError(`race: actor '${name}' is no function`))
      }
      this.#later(this.#newStrand(name, true), actor)
    }
    return end
  }

  enter(op: string): void {
    const strand = this.#self()
    strand.op = op
    if (this.#options.recorder !== undefined) strand.source = callSite()
  }

  pause(kind: string, object: unknown, write = false): Promise<void> | undefined {
    if (this.#passes(kind, object, write)) return undefined
    const promise = this.#stop(kind, 'point', object, write)
    this.#last!.enabled = true
    this.#changed = true
    return promise
  }

  point(kind: PointKind, object: unknown, write: boolean): Park | undefined {
    if (this.#passes(kind, object, write)) return undefined
    const turn = this.#stop(kind, 'point', object, write)
    this.#last!.enabled = true
    this.#changed = true
    return { label: kind, turn }
  }

  wait(label: string, kind: RawWaitKind, listen: (wake: () => void) => void): Promise<void> {
    const turn = this.#stop(label, kind, undefined, false)
    const stop = this.#last!
    listen(() => {
      stop.enabled = true
      this.#changed = true
    })
    return turn
  }

  begin(): void {
    const strand = this.#self()
    this.#checkFanOut(strand)
    strand.calls++
  }

  leave(): void {
    const strand = this.#self()
    if (--strand.calls > 0) return
    strand.passed = false
    strand.op = ''
  }

  touch(): void {
    this.#checkFanOut(this.#self())
  }

  spawn(name: string, work: () => unknown, start: 'now' | 'later'): void {
    if (this.#over) return
    const strand = this.#newStrand(name, false)
    if (start === 'later') {
      this.#later(strand, work)
      return
    }
    const outer = this.#strand
    const fiber = this.#fiber
    this.#strand = strand
    this.#fiber = 0
    this.#starting++
    this.#run(strand, work)
    this.#starting--
    this.#strand = outer
    this.#fiber = fiber
  }

  wanted(lock: object, name: string): void {
    this.#locks ??= new LockOrder()
    const message = this.#locks.wanted(this.#self(), lock, name)
    if (message !== undefined) this.#finish({ kind: 'lock-order', message })
  }

  acquired(lock: object, name: string): void {
    this.#locks ??= new LockOrder()
    this.#locks.acquired(this.#self(), lock, name)
  }

  released(lock: object): void {
    this.#locks?.released(lock)
  }

  /**
   * A strand that has begun something else while a call of it went on at points would have had more
   * to choose from at them.
   */
  #checkFanOut(strand: Strand): void {
    if (strand.calls > 0 && strand.passed) this.#finish(undefined, 'fan-out')
  }

  /**
   * Whether the strand that runs goes on at a point, which then costs no more than the decision.
   * Only where a stop would have come to the same: nobody can come in before the segment ends.
   */
  #passes(label: string, object: unknown, write: boolean): boolean {
    const { fast, maxSteps, decider, trail, step } = this.#options
    const strand = this.#strand
    if (!fast || this.#starting > 0 || this.#over || strand.waiting > 0 || strand.calls > 1)
      return false
    if (this.#streak >= FAIR_STEPS || this.#steps >= maxSteps) return false
    if (this.scheduler !== undefined && this.scheduler.isDue) return false
    const here = this.#here
    here.strand = strand
    here.fiber = this.#fiber
    here.op = strand.op
    here.label = label
    here.object = object
    here.write = write
    if (this.#racing) {
      const enabled = this.#changed ? this.#collectOthers() : this.#enabled
      if (enabled.length > 1) {
        const choice = decider.choose(enabled, true, here)
        if (trail !== undefined) trail[this.#choices] = choice
        this.#choices++
        if (choice > 0) {
          this.#chosen = enabled[choice]
          return false
        }
      }
    }
    this.#steps++
    this.#streak++
    step?.(here)
    strand.passed = true
    return true
  }

  /** The point that the strand is at, and the stops of others that can go on. */
  #collectOthers(): readonly Stop[] {
    const enabled = this.#enabled
    let count = 0
    enabled[count++] = this.#here
    for (const { waiting, stops } of this.#strands) {
      if (waiting === 0) continue
      for (const stop of stops) if (stop?.enabled === true) enabled[count++] = stop
    }
    shorten(enabled, count)
    this.#changed = false
    return enabled
  }

  #self(): Strand {
    return this.#options.identity?.getStore() ?? this.#strand
  }

  #newStrand(name: string, actor: boolean): Strand {
    const used = actor ? 1 : this.#count(name)
    const strand = new Strand(this.#ids++, used === 1 ? name : `${name} ${used}`, actor)
    this.#strands.push(strand)
    return strand
  }

  /** How many strands of that name there are, with this one. Actors have names of their own. */
  #count(name: string): number {
    this.#names ??= new Map(this.#strands.map((strand) => [strand.name, 1]))
    const count = (this.#names.get(name) ?? 0) + 1
    this.#names.set(name, count)
    return count
  }

  /** The stop that was made last. */
  #last: Stop | undefined

  #stop(label: string, kind: Stop['kind'], object: unknown, write: boolean): Promise<void> {
    const strand = this.#self()
    let fiber = strand === this.#strand ? this.#fiber : 0
    if (strand.stops[fiber] !== undefined) {
      fiber = 0
      while (strand.stops[fiber] !== undefined) fiber++
    }
    return new Promise((go) => {
      const stop = new Stop(strand, fiber, strand.op, label, kind, object, write, go)
      if (this.#options.recorder !== undefined) stop.source = strand.source
      strand.stops[fiber] = stop
      strand.waiting++
      this.#last = stop
      if (strand === this.#strand) this.#from = stop
    })
  }

  /** Lets `strand` begin when it is chosen. */
  #later(strand: Strand, work: () => unknown): void {
    const start = (): void => this.#run(strand, work)
    const stop = new Stop(strand, 0, '', 'start', 'point', strand, false, start)
    stop.enabled = true
    this.#changed = true
    strand.stops[0] = stop
    strand.waiting = 1
  }

  /** Runs `work` as `strand`, until it stops or ends. */
  #run(strand: Strand, work: () => unknown): void {
    const { identity } = this.#options
    if (identity === undefined) this.#start(strand, work)
    else identity.run(strand, () => this.#start(strand, work))
  }

  #start(strand: Strand, work: () => unknown): void {
    try {
      const result = work()
      if (result instanceof Promise) {
        void result.then(
          (value) => this.#ended(strand, value),
          (error) => this.#failed(strand, error),
        )
      } else this.#ended(strand, result)
    } catch (error) {
      this.#failed(strand, error)
    }
  }

  #failed(strand: Strand, error: unknown): void {
    const who = strand === this.#main ? 'the scenario' : `actor '${strand.name}'`
    const text = error instanceof Error ? error.message : String(error)
    this.#finish({ kind: 'assertion', message: `${who} failed: ${text}`, error })
  }

  #ended(strand: Strand, value: unknown): void {
    if (this.#over) return
    if (strand === this.#main) return this.#finish(value as Finding | undefined)
    strand.ended = true
    this.#changed = true
    this.#strands.splice(this.#strands.indexOf(strand), 1)
    if (!strand.actor) return
    if (--this.#actors > 0) return
    this.#racing = false
    this.#raceEnd!.enabled = true
  }

  #finish(finding: Finding | undefined, unfit?: RunResult['unfit']): void {
    if (this.#over) return
    this.#over = true
    this.#end({ finding, unfit, steps: this.#steps, choices: this.#choices })
  }

  /** The strand that ran has stopped or ended: who is next? */
  #next(): void {
    if (this.#over) return
    const chosen = this.#chosen
    if (chosen !== undefined) {
      this.#chosen = undefined
      return this.#go(chosen, 1)
    }
    if (this.scheduler?.wakeDue() === true) return this.#atSegmentEnd()
    const enabled = this.#collect()
    if (this.#over) return
    if (enabled.length === 0) return this.#idle()
    const preempts = enabled[0]!.strand === this.#strand && enabled[0]!.fiber === this.#fiber
    let choice = 0
    this.#options.recorder?.stopped(this.#from)
    if (this.#racing && enabled.length > 1) {
      choice = this.#options.decider.choose(enabled, preempts, this.#from)
      const { trail } = this.#options
      if (trail !== undefined) trail[this.#choices] = choice
      this.#choices++
    }
    this.#go(enabled[choice]!, choice)
  }

  /** The stops that can go on, the default first. */
  #collect(): readonly Stop[] {
    this.#changed = true
    const enabled = this.#enabled
    const strands = this.#strands
    let count = 0
    let own = -1
    for (let i = 0; i < strands.length; i++) {
      const strand = strands[i]!
      if (strand.waiting === 0 && this.#options.identity === undefined) {
        this.#finish(undefined, 'external')
        return enabled
      }
      const { stops } = strand
      for (let fiber = 0; fiber < stops.length; fiber++) {
        const stop = stops[fiber]
        if (stop === undefined || !stop.enabled) continue
        if (strand === this.#strand && (own < 0 || fiber === this.#fiber)) own = count
        enabled[count++] = stop
      }
    }
    shorten(enabled, count)
    // Whoever ran goes on, unless it has done nothing but that for a long time.
    if (this.#streak >= FAIR_STEPS && own >= 0 && enabled.length > 1) enabled.splice(own, 1)
    else if (own > 0) enabled.unshift(enabled.splice(own, 1)[0]!)
    return enabled
  }

  #go(stop: Stop, choice: number): void {
    const { maxSteps, recorder, step } = this.#options
    if (++this.#steps > maxSteps) return this.#livelock()
    const { strand, fiber } = stop
    this.#streak = strand === this.#strand ? this.#streak + 1 : 0
    recorder?.record(stop, choice, this.#from, this.#racing)
    step?.(stop)
    this.#strand = strand
    this.#fiber = fiber
    this.#from = undefined
    strand.op = stop.op
    strand.stops[fiber] = undefined
    strand.waiting--
    stop.go()
    this.#atSegmentEnd()
  }

  /** Nobody can go on: time passes, or that is the end. */
  #idle(): void {
    if (this.scheduler?.wakeNext() === true) return this.#atSegmentEnd()
    const finding = stuckFinding(this.#strands)
    if (finding !== undefined) return this.#finish(finding)
    // Somebody waits for what the API does not know: for a moment, look whether it is outside.
    const waiting = this.#strands.filter((strand) => strand.waiting === 0)
    const resources = pendingResources(this.#known)
    whenIdle(() =>
      whenIdle(() => {
        const moved = waiting.some((strand) => strand.ended || strand.waiting > 0)
        this.#finish(stuckFinding(this.#strands, waiting, moved, resources))
      }),
    )
  }

  #livelock(): void {
    const where = this.#strands
      .flatMap(({ stops }) => stops)
      .filter((stop) => stop !== undefined)
      .map((stop) => `${stop.who} at ${stop.point}`)
    const message = `nobody gets anywhere\n  ${this.#options.maxSteps} steps; ${where.join(', ')}`
    this.#finish({ kind: 'livelock', message })
  }
}
