import type { SegmentLimits } from '../raw/raw-dma.js'
import { checkInteger } from './check.js'

/** A segment is never asked to be shorter than that. */
const LEAST_SEGMENT = 512
const MOST = 2 ** 32 - 1

/** `given` over `now`; TypeError for what a device cannot ask for. */
export function segmentLimits(now: SegmentLimits, given: Partial<SegmentLimits>): SegmentLimits {
  const {
    maxBytes = now.maxBytes,
    boundaryMask = now.boundaryMask,
    minAlignMask = now.minAlignMask,
  } = given
  checkInteger('maxBytes', maxBytes, LEAST_SEGMENT, MOST)
  checkMask('boundaryMask', boundaryMask, LEAST_SEGMENT - 1, MOST)
  checkMask('minAlignMask', minAlignMask, 0, 0xffff)
  return Object.freeze({ maxBytes, boundaryMask, minAlignMask })
}

function checkMask(name: string, mask: number, least: number, most: number): void {
  checkInteger(name, mask, least, most)
  if (Number.isInteger(Math.log2(mask + 1))) return
  throw new TypeError(`${name} ${mask} is not one less than a power of two`)
}
