import { Random } from '../sim/random.js'
import { mix } from './random-walk.js'
import type { RunResult } from './schedule-run.js'
import type { Stop } from './strand.js'
import type { Strategy } from './strategy.js'

/**
 * PCT (Burckhardt and others, ASPLOS 2010): strands have random priorities, the highest goes on,
 * and at `depth - 1` random steps the strand that would go on falls behind all others.
 */
export class Priorities implements Strategy {
  readonly name: string
  readonly #seed: number
  readonly #depth: number
  readonly #shard: { readonly index: number; readonly count: number }
  /** By strand id; random, so that a strand that starts late has one like all others. */
  readonly #priority: (number | undefined)[] = []
  readonly #changes = new Set<number>()
  #random = new Random(0)
  #schedule = 0
  #choices = 0
  #lowest = 0
  /** Choices that the longest schedule had. */
  #length = 16

  constructor(seed: number, depth: number, shard = { index: 0, count: 1 }) {
    this.name = `PCT of depth ${depth}`
    this.#seed = seed
    this.#depth = depth
    this.#shard = shard
  }

  next(): boolean {
    const number = this.#schedule++ * this.#shard.count + this.#shard.index
    this.#random = new Random(mix(this.#seed ^ 0x5bd1_e995, number))
    this.#priority.fill(undefined)
    this.#changes.clear()
    for (let i = 1; i < this.#depth; i++) this.#changes.add(this.#random.below(this.#length))
    this.#choices = 0
    this.#lowest = 0
    return true
  }

  choose(stops: readonly Stop[]): number {
    let best = this.#best(stops)
    if (this.#changes.has(this.#choices++)) {
      this.#priority[stops[best]!.strand.id] = --this.#lowest
      best = this.#best(stops)
    }
    return best
  }

  ran(result: RunResult): boolean {
    this.#length = Math.max(this.#length, result.choices)
    return true
  }

  #best(stops: readonly Stop[]): number {
    let best = 0
    let highest = -Infinity
    for (let i = 0; i < stops.length; i++) {
      const { id } = stops[i]!.strand
      let priority = this.#priority[id]
      if (priority === undefined) this.#priority[id] = priority = this.#random.next()
      if (priority <= highest) continue
      highest = priority
      best = i
    }
    return best
  }
}
