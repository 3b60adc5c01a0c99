import { Random } from '../sim/random.js'
import type { Stop } from './strand.js'
import type { Strategy } from './strategy.js'

/** Each choice at random; the i-th schedule is a function of the seed and i. */
export class RandomWalk implements Strategy {
  readonly name = 'random walk'
  readonly #seed: number
  readonly #shard: { readonly index: number; readonly count: number }
  #random = new Random(0)
  #schedule = 0

  constructor(seed: number, shard = { index: 0, count: 1 }) {
    this.#seed = seed
    this.#shard = shard
  }

  next(): boolean {
    const number = this.#schedule++ * this.#shard.count + this.#shard.index
    this.#random = new Random(mix(this.#seed, number))
    return true
  }

  choose(stops: readonly Stop[]): number {
    return this.#random.below(stops.length)
  }

  ran(): boolean {
    return true
  }
}

/** A seed of its own for the `number`-th schedule. */
export function mix(seed: number, number: number): number {
  return (Math.imul(seed ^ 0x27d4_eb2d, 0x9e37_79b1) ^ Math.imul(number + 1, 0x85eb_ca77)) >>> 0
}
