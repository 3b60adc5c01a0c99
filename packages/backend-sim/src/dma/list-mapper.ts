import { HmmError } from '@hmm-sdk/hmm-api'
import type { DmaDirection, RawListPart, RawSegment, SegmentLimits } from '@hmm-sdk/hmm-api/raw'
import { POINT_LINK } from '../sim/failure-point.js'
import { SimBuffer } from './buffer.js'
import type { DeviceDma } from './device-dma.js'
import type { IommuDomain } from './iommu-domain.js'
import { IOPTE_CLASSIC, IOPTE_READ, IOPTE_WRITE } from './iopte.js'
import { joinPieces, placePieces, type LayoutPiece, type Place } from './list-layout.js'
import { cutPart, tooManyPieces, MOST_PIECES, type ListPiece } from './list-pieces.js'
import { checkOverlap } from './overlap.js'
import { SimDmaList } from './sim-dma-list.js'
import { SimDmaMapping } from './streaming-mapping.js'

/** How one list is mapped. */
export interface ListRequest {
  readonly direction: DmaDirection
  readonly attributes: number
  readonly limits: SegmentLimits
  readonly ended: (list: SimDmaList) => void
}

/** A piece that goes into the block of DMA space. */
type BlockPiece = ListPiece & LayoutPiece
/** A piece that is a mapping of its own. */
interface OwnPiece extends ListPiece {
  readonly map: () => SimDmaMapping
}

/**
 * Maps the parts of a list for a device: behind an IOMMU in one block of DMA space, with neighbours
 * joined; elsewhere, and for a device that is not trusted, each piece by itself.
 */
export function mapList(
  dma: DeviceDma,
  parts: readonly RawListPart[],
  request: ListRequest,
): SimDmaList {
  const { domain } = dma.translation
  const together = domain !== undefined && !dma.bouncesUnaligned
  const pieces: (BlockPiece | OwnPiece)[] = []
  for (const part of parts) {
    pieces.push(...piecesOf(dma, part, request, together))
    if (pieces.length > MOST_PIECES) throw tooManyPieces()
  }
  const own: SimDmaMapping[] = []
  try {
    for (const piece of pieces) if ('map' in piece) own.push(piece.map())
    const block = pieces.filter((piece) => !('map' in piece)) as BlockPiece[]
    if (block.length === 0) return new SimDmaList(own.map(segmentOf), own, request.ended)
    return mapBlock(dma, domain!, pieces, block, own, request)
  } catch (error) {
    for (const mapping of own.reverse()) mapping.unmap()
    throw error
  }
}

function piecesOf(
  dma: DeviceDma,
  part: RawListPart,
  { direction, attributes, limits }: ListRequest,
  together: boolean,
): (BlockPiece | OwnPiece)[] {
  const { source, offset, bytes } = part
  const { machine } = dma
  const address = (buffer: SimBuffer): number =>
    machine.dma.busPage(buffer.firstFrame) * machine.pageSize + offset
  const inPage = (start: number): number => start % machine.pageSize
  const cut = (buffer: SimBuffer, first: number, most: number): ListPiece[] =>
    cutPart(buffer, offset, bytes, first, limits, most, machine.pageSize)
  if (!(source instanceof SimBuffer) && !('peer' in source)) {
    throw new TypeError('the buffer is of another backend')
  }
  if (source instanceof SimBuffer && !together) {
    // Without an IOMMU memory is where it is; with one only the place in its page stays.
    const start = dma.limits.translating ? inPage(offset) : address(source)
    return cut(source, start, dma.limits.maxMappingBytes).map((piece) => ({
      ...piece,
      map: () => dma.map(source, piece.start, piece.bytes, direction, attributes),
    }))
  }
  const buffer = source instanceof SimBuffer ? source : dma.peerBuffer(source.peer, source.bar)
  if (!(source instanceof SimBuffer) && dma.peerRoute(source.peer).kind === 'bus-address') {
    const { peer, bar } = source
    return cut(buffer, address(buffer), Infinity).map((piece) => ({
      ...piece,
      map: () => dma.mapPeer(peer, bar, piece.start, piece.bytes, direction),
    }))
  }
  return cut(buffer, inPage(offset), Infinity).map((piece) => ({
    ...piece,
    inPage: inPage(piece.start),
  }))
}

function mapBlock(
  dma: DeviceDma,
  domain: IommuDomain,
  pieces: readonly (BlockPiece | OwnPiece)[],
  inBlock: readonly BlockPiece[],
  own: readonly SimDmaMapping[],
  { direction, attributes, limits, ended }: ListRequest,
): SimDmaList {
  const { pageSize } = dma.machine
  const write = direction !== 'to-device'
  const { pages, places } = placePieces(inBlock, limits, pageSize)
  const firstPage = domain.allocate(pages)
  try {
    linkPieces(domain, inBlock, places, firstPage, write)
  } catch (error) {
    domain.iova.free(firstPage, pages)
    throw error
  }
  const ordered: LayoutPiece[] = []
  pieces.forEach((piece, index) => {
    const before = pieces[index - 1]
    const apart = before !== undefined && 'map' in before
    if (!('map' in piece)) ordered.push({ inPage: piece.inPage, bytes: piece.bytes, apart })
  })
  const { segments, joined } = joinPieces(ordered, places, firstPage, limits, pageSize)
  // The pieces go with the block that they lie in.
  const owner = dma.ownerOf({ unmap: () => undefined })
  const made = inBlock.map((piece, index) => {
    const { buffer, start, bytes, inPage } = piece
    if (write) checkOverlap(dma.machine.dma, buffer, start, bytes, dma.coherent, attributes)
    const { page, pages: count } = places[index]!
    const mapping = owner.mappings.add(new SimDmaMapping(owner, buffer, false, attributes))
    mapping.begin(firstPage + page, count, inPage, buffer, start, bytes, direction)
    return mapping
  })
  joined.forEach((joins, index) => {
    if (joins) made[index - 1]!.follower = made[index]
  })
  const end = (list: SimDmaList): void => {
    dma.translation.unmap(firstPage, pages)
    ended(list)
  }
  return new SimDmaList(inOrder(pieces, own, segments, joined), [...made, ...own], end)
}

/** The segments as the list has them: those of the block, and peers between them. */
function inOrder(
  pieces: readonly (BlockPiece | OwnPiece)[],
  own: readonly SimDmaMapping[],
  segments: readonly RawSegment[],
  joined: readonly boolean[],
): RawSegment[] {
  const all: RawSegment[] = []
  let [ownAt, blockAt, segmentAt] = [0, 0, 0]
  for (const piece of pieces) {
    if ('map' in piece) all.push(segmentOf(own[ownAt++]!))
    else if (!joined[blockAt++]!) all.push(segments[segmentAt++]!)
  }
  return all
}

/** All of them, or none. */
function linkPieces(
  domain: IommuDomain,
  pieces: readonly ListPiece[],
  places: readonly Place[],
  firstPage: number,
  write: boolean,
): void {
  const { failures, pageSize } = domain.machine
  const rights = write ? IOPTE_READ | IOPTE_WRITE | IOPTE_CLASSIC : IOPTE_READ | IOPTE_CLASSIC
  let linked = 0
  for (const [index, { buffer, start }] of pieces.entries()) {
    const { page, pages } = places[index]!
    if (failures.firstFailure(POINT_LINK, pages) >= 0) {
      domain.unlink(firstPage, linked)
      throw new HmmError('ENOMEM', { message: 'the IOMMU has no memory for its tables' })
    }
    const frame = buffer.firstFrame + Math.floor(start / pageSize)
    domain.link(firstPage + page, frame, pages, rights)
    linked = page + pages
  }
}

function segmentOf({ dmaPage, offset, bytes }: SimDmaMapping): RawSegment {
  return { dmaPage, offset, bytes }
}
