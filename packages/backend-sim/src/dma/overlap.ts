import type { SimBuffer } from './buffer.js'
import type { SimDmaMapping } from './streaming-mapping.js'
import { ATTR_SKIP_CPU_SYNC, ATTRS_SHARING } from './attributes.js'
import type { DmaPlatform } from './dma-platform.js'

/** Bytes that a cache moves at once. */
const LINE_BYTES = 64
/** Mappings of the same bytes beyond the first (`ACTIVE_CACHELINE_MAX_OVERLAP`). */
const MOST_OVERLAPS = 7
/** Mappings that are compared with a new one: more live ones of one buffer are taken on trust. */
const MOST_COMPARED = 64

/**
 * Reports that a device may write memory that is mapped for writing already: whose bytes are there
 * in the end, nobody knows. On a non-coherent device a shared cache line is enough.
 */
export function checkOverlap(
  { checker, sites }: DmaPlatform,
  buffer: SimBuffer,
  offset: number,
  bytes: number,
  coherent: boolean,
  attributes: number,
): void {
  if ((attributes & ATTR_SKIP_CPU_SYNC) !== 0) return
  const line = coherent ? 1 : LINE_BYTES
  const start = offset - (offset % line)
  const end = Math.ceil((offset + bytes) / line) * line
  let overlaps = 0
  let other: SimDmaMapping | undefined
  let compared = 0
  for (let each = buffer.mappings; each !== undefined; each = each.next) {
    if (++compared > MOST_COMPARED) break
    if (each.direction === 'to-device') continue
    // Both must have said so.
    if ((attributes & ATTRS_SHARING) !== 0 && (each.attributes & ATTRS_SHARING) !== 0) continue
    if (each.start >= end || each.start + each.bytes <= start) continue
    overlaps++
    other ??= each
  }
  if (overlaps === 0) return
  const what = `bytes ${offset}..${offset + bytes} of a buffer of ${buffer.bytes} are mapped`
  const known = sites.of(other)
  checker.report('overlapping-mapping', `${what} for writing while they are mapped already`, known)
  if (overlaps > MOST_OVERLAPS) {
    checker.report('too-many-overlaps', `${what} ${overlaps + 1} times`, known)
  }
}
