import type {
  DmaDirection,
  RawDma,
  RawDmaList,
  RawDmaLimits,
  RawListPart,
  RawSegment,
} from '@hmm-sdk/hmm-api/raw'
import { KernelBuffer } from './buffer.js'
import { check } from './call-error.js'
import type { Descriptor } from './descriptor.js'
import type { KernelDma } from './dma.js'
import { openPeer } from './peer.js'
import * as uapi from './uapi.js'
import { DIRECTIONS } from './window.js'

const PART_BYTES = uapi.DmaListPart.size
const SEGMENT_BYTES = uapi.DmaSegment.size

/** Maps the parts of a list (`dma_map_sgtable`). `mapped` is called when it is, and returns its end. */
export function mapList(
  descriptor: Descriptor,
  limits: RawDmaLimits,
  parts: readonly RawListPart[],
  direction: DmaDirection,
  attributes: number,
  mapped: () => () => void,
): RawDmaList {
  const peers: KernelBuffer[] = []
  const free = (): void => peers.forEach((peer) => peer.free())
  try {
    const buffers = parts.map(({ source }) => {
      if (source instanceof KernelBuffer) return source.buffer
      const { peer } = source as { readonly peer: RawDma }
      const { buffer } = openPeer(descriptor, (peer as KernelDma).descriptor)
      peers.push(buffer)
      return buffer.buffer
    })
    const list = mapBuffers(descriptor, limits, parts, buffers, direction, attributes)
    const ended = mapped()
    return {
      ...list,
      unmap: () => {
        list.unmap()
        free()
        ended()
      },
    }
  } catch (error) {
    free()
    throw error
  }
}

/** `buffers`: of each part, its number in the module. */
function mapBuffers(
  descriptor: Descriptor,
  limits: RawDmaLimits,
  parts: readonly RawListPart[],
  buffers: readonly number[],
  direction: DmaDirection,
  attributes: number,
): RawDmaList {
  const most = mostSegments(limits, parts)
  const call = descriptor.call(uapi.DmaListMap, parts.length * PART_BYTES + most * SEGMENT_BYTES)
  try {
    const { buffer, byteOffset, byteLength } = call.payload
    const view = new DataView(buffer, byteOffset, byteLength)
    parts.forEach((part, index) => {
      const at = index * PART_BYTES
      view.setUint32(at, buffers[index] as number, true)
      view.setUint32(at + 4, 0, true)
      view.setBigUint64(at + 8, BigInt(part.offset), true)
      view.setBigUint64(at + 16, BigInt(part.bytes), true)
    })
    call
      .fill({
        nrParts: parts.length,
        maxSegments: most,
        direction: DIRECTIONS[direction],
        flags: attributes,
      })
      .point('parts')
      .point('segments', parts.length * PART_BYTES)
    check(descriptor.run(uapi.IOC_DMA_LIST_MAP, call), { reason: call.get('reason') })
    const list = call.get('list')
    const segments = Array.from({ length: call.get('nrSegments') }, (_, index): RawSegment => {
      const at = parts.length * PART_BYTES + index * SEGMENT_BYTES
      return {
        dmaPage: Number(view.getBigUint64(at, true)),
        offset: view.getUint32(at + 8, true),
        bytes: view.getUint32(at + 12, true),
      }
    })
    return {
      segments,
      revocable: call.get('revocable') !== 0,
      sync: (to) => {
        const target = to === 'cpu' ? uapi.SYNC_CPU : uapi.SYNC_DEVICE
        const values = { list, target }
        descriptor.once(uapi.IOC_DMA_LIST_SYNC, uapi.DmaListSync, values, (result) => check(result))
      },
      unmap: () =>
        descriptor.once(uapi.IOC_DMA_LIST_UNMAP, uapi.DmaListUnmap, { list }, (result) =>
          check(result),
        ),
    }
  } finally {
    descriptor.end(call)
  }
}

/** Tells the module what segments must be like, or is told (`undefined`). */
export function segmentLimits(
  descriptor: Descriptor,
  set?: NonNullable<RawDmaLimits['segments']>,
): NonNullable<RawDmaLimits['segments']> {
  const values = set === undefined ? {} : { ...set, flags: uapi.SEGMENT_LIMITS_SET }
  const request = uapi.IOC_SEGMENT_LIMITS
  return descriptor.once(request, uapi.SegmentLimits, values, (result, call) => {
    check(result, { hint: 'Set the limits of segments before anything is mapped.' })
    return Object.freeze({
      maxBytes: call.get('maxBytes'),
      boundaryMask: call.get('boundaryMask'),
      minAlignMask: call.get('minAlignMask'),
    })
  })
}

/** As many segments as the parts can be cut into. */
function mostSegments(
  { segments, maxMappingBytes }: RawDmaLimits,
  parts: readonly RawListPart[],
): number {
  const { maxBytes, boundaryMask } = segments as NonNullable<RawDmaLimits['segments']>
  const piece = Math.min(maxBytes, maxMappingBytes)
  const pieces = parts.reduce(
    (sum, { bytes }) =>
      sum +
      Math.ceil(bytes / Math.max(512, piece - 4096)) +
      Math.ceil(bytes / (boundaryMask + 1)) +
      2,
    0,
  )
  return Math.min(uapi.MAX_LIST_SEGMENTS, pieces)
}
