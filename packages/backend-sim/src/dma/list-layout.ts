import type { RawSegment, SegmentLimits } from '@hmm-sdk/hmm-api/raw'

/** A piece by what its place in DMA space depends on. */
export interface LayoutPiece {
  /** Byte offset of its first byte in the first page. */
  readonly inPage: number
  readonly bytes: number
  /** Whether something that is not in the block comes before it in the list. */
  readonly apart?: boolean
}

/** Where a piece lies in the block of DMA space that a list gets. */
export interface Place {
  /** First page, from the start of the block. */
  readonly page: number
  readonly pages: number
}

/**
 * Places the pieces of a list in one block of DMA space, each from a page of its own, so that none
 * crosses a boundary: the block is aligned to its size, so lengths alone decide. The number of pages
 * of all, and the places. `iommu_dma_map_sg`
 */
export function placePieces(
  pieces: readonly LayoutPiece[],
  limits: SegmentLimits,
  pageSize: number,
): { readonly pages: number; readonly places: readonly Place[] } {
  const block = limits.boundaryMask + 1
  let used = 0
  const places = pieces.map(({ inPage, bytes }) => {
    const room = Math.ceil((inPage + bytes) / pageSize) * pageSize
    const pad = (block - (used % block)) % block
    if (pad < room - 1) used += pad
    const page = used / pageSize
    used += room
    return { page, pages: room / pageSize }
  })
  return { pages: used / pageSize, places }
}

/**
 * Joins neighbours that fill their pages, up to the length and the boundary of a segment. The
 * segments, and for each piece whether it goes on the segment before it. `__finalise_sg`
 */
export function joinPieces(
  pieces: readonly LayoutPiece[],
  places: readonly Place[],
  firstPage: number,
  limits: SegmentLimits,
  pageSize: number,
): { readonly segments: RawSegment[]; readonly joined: boolean[] } {
  const segments: RawSegment[] = []
  const joined: boolean[] = []
  const block = limits.boundaryMask + 1
  let end = -1
  pieces.forEach(({ inPage, bytes, apart = false }, index) => {
    const dmaPage = firstPage + places[index]!.page
    const start = dmaPage * pageSize + inPage
    const last = segments[segments.length - 1]
    const joins =
      last !== undefined &&
      !apart &&
      start === end &&
      inPage === 0 &&
      start % block !== 0 &&
      last.bytes + bytes <= limits.maxBytes
    if (joins) segments[segments.length - 1] = { ...last, bytes: last.bytes + bytes }
    else segments.push({ dmaPage, offset: inPage, bytes })
    joined.push(joins)
    end = start + bytes
  })
  return { segments, joined }
}
