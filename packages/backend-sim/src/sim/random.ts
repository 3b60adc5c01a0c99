/** A seeded generator of 32-bit numbers (xorshift32 over a mixed seed): same seed, same numbers. */
export class Random {
  /** Signed: 32 bits without a sign are no small number for the engine. */
  #state: number

  constructor(seed: number) {
    // A small seed has few bits set: spread them, and never start from 0, which is a fixed point.
    let mixed = (seed ^ 0x9e37_79b9) >>> 0
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b) >>> 0
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35) >>> 0
    this.#state = mixed ^ (mixed >>> 16) || 1
  }

  /** The next number, 1..2^32-1. */
  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x
    return x >>> 0
  }

  /** A number in 0..limit-1. */
  below(limit: number): number {
    return this.next() % limit
  }
}
