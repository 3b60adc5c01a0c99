import type { Stop } from './strand.js'
import type { Strategy } from './strategy.js'

/**
 * All schedules with exactly `preemptions` preemptions, depth first and without memory of the
 * schedules that have run. Those with fewer run again where they lead to one.
 *
 * A switch away from a strand that has to wait is no preemption: all of those are always tried.
 */
export class DepthFirst implements Strategy {
  readonly name: string
  readonly preemptions: number
  /** A choice was left out because of the bound: there are schedules with more preemptions. */
  cut = false
  /** What was found where an earlier schedule had another choice: the scenario is no function of its schedule. */
  diverged: string | undefined
  readonly #shard: { readonly index: number; readonly count: number }
  /** Of each choice: which one is taken, how many are tried, */
  readonly #taken: number[] = []
  readonly #limit: number[] = []
  /** how many there are and whether it may preempt, and where the first of them is. */
  readonly #shapes: number[] = []
  readonly #names: string[] = []
  readonly #ops: string[] = []
  readonly #labels: string[] = []
  /** How many choices those lists have; what stands behind them is of schedules before. */
  #choices = 0
  #depth = 0
  #used = 0
  #started = false

  constructor(preemptions: number, shard = { index: 0, count: 1 }) {
    this.preemptions = preemptions
    this.name = `${preemptions} preemption${preemptions === 1 ? '' : 's'}`
    this.#shard = shard
  }

  next(): boolean {
    if (this.diverged !== undefined) return false
    if (this.#started) {
      let last = this.#choices - 1
      while (last >= 0 && !this.#advance(last)) last--
      if (last < 0) return false
      this.#choices = last + 1
    }
    this.#started = true
    this.#depth = 0
    this.#used = 0
    return true
  }

  choose(stops: readonly Stop[], preempts: boolean): number {
    const depth = this.#depth++
    if (depth < this.#choices) {
      const taken = this.#taken[depth]!
      if (!this.#isAt(depth, stops, preempts)) this.#diverge(depth, stops)
      if (preempts && taken > 0) this.#used++
      return Math.min(taken, stops.length - 1)
    }
    const bound = preempts && this.#used >= this.preemptions
    if (bound) this.cut = true
    this.#choices = depth + 1
    this.#taken[depth] = 0
    this.#limit[depth] = bound ? 1 : stops.length
    const first = stops[0]!
    this.#shapes[depth] = shapeOf(stops, preempts)
    this.#names[depth] = first.strand.name
    this.#ops[depth] = first.op
    this.#labels[depth] = first.label
    return 0
  }

  /** Whether that is the choice that an earlier schedule met there. */
  #isAt(depth: number, stops: readonly Stop[], preempts: boolean): boolean {
    const { strand, op, label } = stops[0]!
    return (
      this.#shapes[depth] === shapeOf(stops, preempts) &&
      this.#labels[depth] === label &&
      this.#ops[depth] === op &&
      this.#names[depth] === strand.name
    )
  }

  /** There is another choice at `depth` than in an earlier schedule, or none. */
  #diverge(depth: number, stops: readonly Stop[]): void {
    if (this.diverged !== undefined) return
    const point = `${this.#ops[depth]!} ${this.#labels[depth]!}`.trim()
    const first = `${this.#names[depth]!} at ${point}, or ${(this.#shapes[depth]! >> 1) - 1} other`
    const [stop] = stops
    const then =
      stop === undefined ? 'the end' : `${stop.who} at ${stop.point}, or ${stops.length - 1} other`
    this.diverged = `choice ${depth + 1}\n  first: ${first}\n  then: ${then}`
  }

  ran(): boolean {
    // An earlier schedule had a choice there.
    if (this.#depth < this.#choices) this.#diverge(this.#depth, [])
    const mine = this.#shard.index === 0 || !this.#isFirst(this.#choices)
    return mine && this.#used === this.preemptions
  }

  /**
   * Takes the next alternative of the choice at `depth`; false if there is none. Shards share the
   * alternatives of the first choice that is not the default.
   */
  #advance(depth: number): boolean {
    const { index, count } = this.#shard
    let taken = this.#taken[depth]! + 1
    if (count > 1 && this.#isFirst(depth)) while ((depth + taken) % count !== index) taken++
    if (taken >= this.#limit[depth]!) return false
    this.#taken[depth] = taken
    return true
  }

  #isFirst(depth: number): boolean {
    for (let i = 0; i < depth; i++) if (this.#taken[i]! > 0) return false
    return true
  }
}

function shapeOf(stops: readonly Stop[], preempts: boolean): number {
  return stops.length * 2 + (preempts ? 1 : 0)
}
