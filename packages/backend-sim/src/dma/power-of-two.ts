/**
 * 2 to the power of `bits`. Shifted where that is possible: what the engine has for a small integer,
 * and makes of it, is several times faster than numbers with a fraction, which a power is for it.
 */
export function powerOfTwo(bits: number): number {
  return bits < 31 ? 1 << bits : 2 ** bits
}
