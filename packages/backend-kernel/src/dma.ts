import type {
  DmaDirection,
  PeerRoute,
  RawBuffer,
  RawCoherentBuffer,
  RawDma,
  RawDmaLimits,
  RawDmaList,
  RawDmaMapping,
  RawIovaWindow,
  RawListPart,
  RawWait,
  SegmentLimits,
} from '@hmm-sdk/hmm-api/raw'
import { BoundedWait } from './bounded-wait.js'
import { KernelBuffer, KernelCoherentBuffer } from './buffer.js'
import { check } from './call-error.js'
import type { Descriptor } from './descriptor.js'
import { DeviceInfo } from './device-info.js'
import { mapList, segmentLimits } from './list.js'
import type { OpenObjects } from './open-objects.js'
import { oneRun, ownMemory, peerRoute } from './peer.js'
import * as uapi from './uapi.js'
import { DIRECTIONS, KernelWindow } from './window.js'

/** DMA of a device over buffers of the module. */
export class KernelDma implements RawDma {
  limits: RawDmaLimits
  readonly open: OpenObjects
  /** Of the device; peers name it to the module. */
  readonly descriptor: Descriptor
  /** What it offers to peers, once it was asked for. */
  #own: ReturnType<typeof ownMemory> | null = null

  constructor(descriptor: Descriptor, info: DeviceInfo, pageShift: number, open: OpenObjects) {
    this.descriptor = descriptor
    this.open = open
    this.limits = {
      translating: info.has(uapi.DEV_TRANSLATING),
      coherent: info.has(uapi.DEV_CACHE_COHERENT),
      maxMappingBytes: info.maxMappingBytes,
      pageShift,
      flush: info.domain === uapi.DOMAIN_DMA_FQ ? 'lazy' : 'strict',
      ...(info.has(uapi.DEV_LIST) ? { segments: segmentLimits(descriptor) } : {}),
    }
  }

  setMask(bits: number): void {
    this.descriptor.once(uapi.IOC_SET_MASK, uapi.SetMask, { bits }, (result) =>
      check(result, {
        hint:
          result === -16
            ? 'Set the mask before anything is mapped.'
            : 'The platform has memory beyond so few bits: give more.',
      }),
    )
  }

  setSegmentLimits(limits: SegmentLimits): void {
    segmentLimits(this.descriptor, limits)
    const { maxMappingBytes } = new DeviceInfo(this.descriptor)
    this.limits = { ...this.limits, maxMappingBytes, segments: limits }
  }

  async allocBuffer(bytes: number): Promise<RawBuffer> {
    return this.descriptor.onceAsync(
      uapi.IOC_BUFFER_ALLOC,
      uapi.BufferAlloc,
      { bytes },
      (result, call) => {
        check(result, { reason: call.get('reason') })
        const freed = this.open.add('buffer', `${bytes} bytes`)
        return new KernelBuffer(this.descriptor, call.get('buffer'), bytes, freed)
      },
    )
  }

  async allocCoherent(bytes: number, attributes = 0): Promise<RawCoherentBuffer> {
    return this.descriptor.onceAsync(
      uapi.IOC_COHERENT_ALLOC,
      uapi.BufferAlloc,
      { bytes, flags: attributes },
      (result, call) => {
        check(result, { reason: call.get('reason') })
        const freed = this.open.add('coherent-buffer', `${bytes} bytes`)
        const [buffer, dmaPage] = [call.get('buffer'), call.get('dmaPage')]
        return new KernelCoherentBuffer(this.descriptor, buffer, bytes, dmaPage, freed)
      },
    )
  }

  map(
    buffer: RawBuffer,
    offset: number,
    bytes: number,
    direction: DmaDirection,
    attributes = 0,
  ): RawDmaMapping {
    const values = {
      buffer: (buffer as KernelBuffer).buffer,
      direction: DIRECTIONS[direction],
      offset,
      bytes,
      flags: attributes,
    }
    return this.descriptor.once(uapi.IOC_DMA_MAP, uapi.DmaMap, values, (result, call) => {
      check(result, { reason: call.get('reason') })
      const mapping = call.get('mapping')
      const unmapped = this.open.add('dma-mapping', `${bytes} bytes`)
      return {
        dmaPage: call.get('dmaPage'),
        offset: call.get('dmaOffset'),
        revocable: call.get('revocable') !== 0,
        sync: (to, at, length) => this.#sync(mapping, to, at, length),
        unmap: () => {
          this.descriptor.once(uapi.IOC_DMA_UNMAP, uapi.DmaUnmap, { mapping }, (answer) =>
            check(answer),
          )
          unmapped()
        },
      }
    })
  }

  mapList(parts: readonly RawListPart[], direction: DmaDirection, attributes: number): RawDmaList {
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0)
    return mapList(this.descriptor, this.limits, parts, direction, attributes, () =>
      this.open.add('dma-list', `${bytes} bytes`),
    )
  }

  peerMemory(bar: number): RawBuffer | undefined {
    const own = this.ownMemory
    return own?.bar === bar ? own.buffer : undefined
  }

  /** What it offers to peers. */
  get ownMemory(): ReturnType<typeof ownMemory> {
    if (this.#own === null) this.#own = ownMemory(this.descriptor)
    return this.#own
  }

  peerRoute(peer: RawDma): PeerRoute {
    return peerRoute(this.descriptor, (peer as KernelDma).descriptor)
  }

  /** In the module it is a list of one part: the kernel maps peers by lists. */
  mapPeer(
    peer: RawDma,
    bar: number,
    offset: number,
    bytes: number,
    direction: DmaDirection,
  ): RawDmaMapping {
    const parts = [{ source: { peer, bar }, offset, bytes }]
    const list = mapList(this.descriptor, this.limits, parts, direction, 0, () =>
      this.open.add('dma-mapping', `${bytes} bytes of a peer`),
    )
    try {
      return {
        ...oneRun(list.segments, this.limits.pageShift),
        revocable: list.revocable,
        // Neither cached nor bounced: there is nothing to hand over.
        sync: () => undefined,
        unmap: () => list.unmap(),
      }
    } catch (error) {
      list.unmap()
      throw error
    }
  }

  async openWindow(pages: number, wait: RawWait): Promise<RawIovaWindow> {
    new BoundedWait(wait).check()
    return this.descriptor.onceAsync(
      uapi.IOC_WINDOW_OPEN,
      uapi.WindowOpen,
      { pages },
      (result, call) => {
        check(result, { reason: call.get('reason') })
        const closed = this.open.add('iova-window', `${pages} pages`)
        const ids = { window: call.get('window'), dmaPage: call.get('dmaPage'), pages }
        return new KernelWindow(this.descriptor, ids, closed)
      },
    )
  }

  revocations(dmaPage: number): number {
    const values = { dmaPage, pages: 1 }
    return this.descriptor.once(uapi.IOC_REVOCATIONS, uapi.Revocations, values, (result, call) => {
      if (result < 0) return -1
      return call.get('mapped') === 0 ? -1 : call.get('count')
    })
  }

  #sync(mapping: number, to: 'cpu' | 'device', offset: number, bytes: number): void {
    const target = to === 'cpu' ? uapi.SYNC_CPU : uapi.SYNC_DEVICE
    const values = { mapping, target, offset, bytes }
    this.descriptor.once(uapi.IOC_DMA_SYNC, uapi.DmaSync, values, (result) => check(result))
  }
}
