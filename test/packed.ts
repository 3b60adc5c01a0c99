import { inject } from 'vitest'
import type { Packed } from './pack.js'

/** The packages as pack.ts has packed and installed them; throws if that failed. */
export function packed(): Packed {
  const packed = inject('packed')
  if ('failure' in packed) throw new Error(packed.failure)
  return packed
}
