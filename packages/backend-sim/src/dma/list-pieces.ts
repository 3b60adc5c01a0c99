import { HmmError } from '@hmm-sdk/hmm-api'
import type { SegmentLimits } from '@hmm-sdk/hmm-api/raw'
import type { SimBuffer } from './buffer.js'

/** Most pieces of one list. */
export const MOST_PIECES = 4096

/** Bytes of a part of a list that lie in one segment. */
export interface ListPiece {
  readonly buffer: SimBuffer
  /** First byte in the buffer. */
  readonly start: number
  readonly bytes: number
}

/**
 * Cuts a part so that no piece is longer than a segment, longer than one mapping, or crosses a
 * boundary; `address` is that of its first byte, or where in its page it lies if an IOMMU decides
 * the rest (`sg_alloc_table_from_pages_segment`). ENOSPC for too many.
 */
export function cutPart(
  buffer: SimBuffer,
  start: number,
  bytes: number,
  address: number,
  limits: SegmentLimits,
  maxMappingBytes: number,
  pageSize: number,
): ListPiece[] {
  const pieces: ListPiece[] = []
  const block = limits.boundaryMask + 1
  const most = Math.min(limits.maxBytes, maxMappingBytes)
  for (let at = 0; at < bytes;) {
    const inPage = (address + at) % pageSize
    // A cut at the end of a page lets an IOMMU join what follows.
    const toPageEnd = most < pageSize ? most : most - (most % pageSize) - inPage
    const toBoundary = block - ((address + at) % block)
    const count = Math.min(bytes - at, toPageEnd, toBoundary)
    if (pieces.length === MOST_PIECES) throw tooManyPieces()
    pieces.push({ buffer, start: start + at, bytes: count })
    at += count
  }
  return pieces
}

export function tooManyPieces(): HmmError {
  return new HmmError('ENOSPC', {
    message: `the list has more than ${MOST_PIECES} segments`,
    hint: 'Map less at once, or allow longer segments with dma.setSegmentLimits.',
  })
}
