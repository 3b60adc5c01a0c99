import { HmmError } from '../error/hmm-error.js'
import type {
  DmaDirection,
  PeerRoute,
  RawDma,
  RawDmaLimits,
  SegmentLimits,
} from '../raw/raw-dma.js'
import { checkBytes, checkDirection, checkInteger, checkOptions, checkPages } from './check.js'
import { rawWait, type Wait } from './context.js'
import type { Device } from './device.js'
import { CoherentBuffer, HostBuffer } from './host-buffer.js'
import {
  allocAttributes,
  mapAttributes,
  type AllocAttribute,
  type MapAttribute,
} from './dma-attributes.js'
import { DmaList } from './dma-list.js'
import { DmaMapping } from './dma-mapping.js'
import { checkBuffer, checkPart, checkRoute, type DmaPart } from './dma-part.js'
import { DmaPool, type DmaPoolOptions } from './dma-pool.js'
import type { Synchronous } from './interval-notifier.js'
import { IovaWindow } from './iova-window.js'
import type { MirroredRange, MirrorMapOptions } from './mirror.js'
import type { MirrorMapping } from './mirror-mapping.js'
import { bounded } from '../sync/bounded.js'
import type { Owned } from './owned.js'
import { PeerMemory } from './peer-memory.js'
import { RAW } from './raw-of.js'
import { segmentLimits } from './segment-limits.js'

/** How several parts are mapped as one list. */
export interface ListMapOptions {
  readonly direction: DmaDirection
  /** Capability `dma.attributes`. */
  readonly attributes?: readonly MapAttribute[]
}

/** How a buffer or a peer's memory is mapped. */
export interface BufferMapOptions extends ListMapOptions {
  /** First byte, 0 if left out. */
  readonly offset?: number
  /** Number of bytes, to the end if left out. */
  readonly bytes?: number
}

/**
 * The one DMA API of a device. What is mapped decides the rules: own buffers and peers' memory
 * synchronously, a range of a mirrored process with fault, commit and revocation.
 */
export class Dma {
  private readonly device: Device

  /** @internal */
  constructor(device: Device) {
    this.device = device
  }

  /** What the DMA of this device can do; only `setMask` and `setSegmentLimits` change it. */
  get limits(): RawDmaLimits {
    return this.device[RAW].dma.limits
  }

  /**
   * Says how many address bits the device drives, 1 to 64; 32 until then. `dma_set_mask_and_coherent`
   * Errors: EIO if the platform cannot serve so few, EBUSY while something is mapped or mirrored, EBADF.
   */
  setMask(bits: number): void {
    this.#sync('dma.setMask', () => this.device[RAW].dma.setMask(checkInteger('bits', bits, 1, 64)))
  }

  /**
   * What segments of lists must be like for this device; what is left out stays as it is. Until
   * then 64 KiB at most, none across 4 GiB, as the kernel does it for PCI devices.
   * `dma_set_max_seg_size`, `dma_set_seg_boundary`, `dma_set_min_align_mask`
   * Errors: EBUSY while something is mapped, EOPNOTSUPP, EBADF; TypeError for less than 512 bytes.
   */
  setSegmentLimits(limits: Partial<SegmentLimits>): void {
    this.#sync('dma.setSegmentLimits', () => {
      this.device.capabilities.require('dma.list')
      const { dma } = this.device[RAW]
      const now = dma.limits.segments as SegmentLimits
      ;(dma.setSegmentLimits as NonNullable<RawDma['setSegmentLimits']>).call(
        dma,
        segmentLimits(now, limits),
      )
    })
  }

  /** Page-aligned memory of the driver's own, zeroed. Errors: ENOMEM, EOPNOTSUPP, EBADF. */
  allocBuffer(
    options: { readonly bytes: number; readonly name?: string } & Wait,
  ): Promise<HostBuffer> {
    return this.#wait('dma.allocBuffer', options, async () => {
      checkOptions('dma.allocBuffer', options, ['bytes', 'name'])
      this.device.capabilities.require('dma.streaming')
      const raw = await this.device[RAW].dma.allocBuffer(checkBytes('bytes', options.bytes))
      return new HostBuffer(this.device, raw, 'buffer', options.name ?? `${options.bytes} bytes`)
    })
  }

  /** Memory that device and CPU see alike, mapped. `dma_alloc_attrs` ENOMEM, EOPNOTSUPP, EBADF. */
  allocCoherent(
    options: {
      readonly bytes: number
      /** Capability `dma.attributes`. */
      readonly attributes?: readonly AllocAttribute[]
      readonly name?: string
    } & Wait,
  ): Promise<CoherentBuffer> {
    return this.#wait('dma.allocCoherent', options, async () => {
      checkOptions('dma.allocCoherent', options, ['bytes', 'attributes', 'name'])
      this.device.capabilities.require('dma.coherent')
      const attributes = this.allowed(allocAttributes(options.attributes))
      const bytes = checkBytes('bytes', options.bytes)
      const raw = await this.device[RAW].dma.allocCoherent(bytes, attributes)
      return new CoherentBuffer(this.device, raw, options.name ?? `${options.bytes} bytes`)
    })
  }

  /** A pool of small coherent blocks. EOPNOTSUPP, EBADF. `dma_pool_create` */
  createPool(options: DmaPoolOptions): DmaPool {
    return this.#sync('dma.createPool', () => {
      this.device.capabilities.require('dma.coherent')
      return new DmaPool(this.device, options)
    })
  }

  /**
   * Maps a buffer (`dma_map_phys`) or the memory of a peer. Errors: EIO if it cannot be reached
   * under the mask, EREMOTEIO if there is no route to the peer, ENOMEM, EOPNOTSUPP, EBADF;
   * RangeError outside.
   */
  map(source: HostBuffer | PeerMemory, options: BufferMapOptions): DmaMapping
  /**
   * Maps several parts as one list: all or none. Their segments obey the limits of segments. Errors
   * as above; EINVAL for more parts than capability `dma.list` allows, ENOSPC for more segments.
   */
  map(parts: readonly DmaPart[], options: ListMapOptions): DmaList
  /** Maps a range of a mirrored process: the same as `mirror.map`. */
  map<R>(
    source: MirroredRange,
    options: MirrorMapOptions,
    commit: (mapping: MirrorMapping) => R & Synchronous<R>,
  ): Promise<R>
  map<R>(
    source: HostBuffer | PeerMemory | readonly DmaPart[] | MirroredRange,
    options: BufferMapOptions | ListMapOptions | MirrorMapOptions,
    commit?: (mapping: MirrorMapping) => R & Synchronous<R>,
  ): DmaMapping | DmaList | Promise<R> {
    if (source instanceof HostBuffer) return this.mapBuffer(source, options as BufferMapOptions)
    return this.mapOther(source, options, commit)
  }

  private mapOther<R>(
    source: PeerMemory | readonly DmaPart[] | MirroredRange,
    options: BufferMapOptions | ListMapOptions | MirrorMapOptions,
    commit?: (mapping: MirrorMapping) => R,
  ): DmaMapping | DmaList | Promise<R> {
    if (source instanceof PeerMemory) return this.#mapPeer(source, options as BufferMapOptions)
    if (Array.isArray(source)) return this.#mapList(source as DmaPart[], options as ListMapOptions)
    const mirrored = source as MirroredRange
    if (mirrored?.mirror === undefined || commit === undefined) {
      throw new TypeError(
        'dma.map takes a buffer, peer memory, a list of both, or mirror.select(range) with options ' +
          'and a commit',
      )
    }
    if (mirrored.mirror.device !== this.device) {
      throw new TypeError('the mirror belongs to another device: map it through that one')
    }
    return mirrored.mirror.map<R>(mirrored.range, options as MirrorMapOptions, commit as never)
  }

  /**
   * How this device would reach the memory of a peer; known before anything is mapped. A bus address
   * passes by the IOMMU and cannot be revoked. `pci_p2pdma_map_type` Errors: EOPNOTSUPP, EBADF.
   */
  peerRoute(peer: PeerMemory): PeerRoute {
    return this.#sync('dma.peerRoute', () => this.#route(peer))
  }

  /**
   * Reserves `pages` DMA pages, to link memory into piece by piece (`dma_iova_try_alloc`).
   * Errors: EOPNOTSUPP without a translating IOMMU, ENOMEM, EBADF.
   */
  openWindow(
    options: { readonly pages: number; readonly name?: string } & Wait,
  ): Promise<IovaWindow> {
    return this.#wait('dma.openWindow', options, async () => {
      checkOptions('dma.openWindow', options, ['pages', 'name'])
      this.device.capabilities.require('dma.window')
      const pages = checkPages('pages', options.pages)
      const raw = await this.device[RAW].dma.openWindow(pages, rawWait(options))
      return new IovaWindow(this.device, raw, options.name ?? `${pages} pages`)
    })
  }

  private mapBuffer(buffer: HostBuffer, options: BufferMapOptions): DmaMapping {
    const { device } = this
    // Not `#sync`: a closure for each map would be a good part of what it costs.
    try {
      this.checkMap(buffer, options)
      const { direction, offset = 0, bytes = buffer.bytes - offset, attributes } = options
      const { dma } = device[RAW]
      if (offset !== 0 || options.bytes !== undefined || bytes > dma.limits.maxMappingBytes) {
        checkBufferPart(buffer, offset, bytes, dma)
      }
      const bits = attributes === undefined ? 0 : this.bits(attributes)
      const raw = dma.map(buffer[RAW], offset, bytes, direction, bits)
      return new DmaMapping(device, buffer, raw, offset, bytes, direction)
    } catch (error) {
      throw this.failed(error)
    }
  }

  #mapPeer(peer: PeerMemory, options: BufferMapOptions): DmaMapping {
    return this.#sync('dma.map', () => {
      this.device.context.mayWait('dma.map')
      checkDirection(options?.direction)
      checkRoute(peer, this.#route(peer))
      // Registers are neither cached nor bounced: there is nothing that an attribute could change.
      mapAttributes(options.attributes)
      const offset = checkInteger('offset', options.offset ?? 0, 0)
      const bytes = checkBytes('bytes', options.bytes ?? peer.raw.bytes - offset)
      peer.checkInside(offset, bytes)
      const { dma } = this.device[RAW]
      const raw = (dma.mapPeer as NonNullable<RawDma['mapPeer']>).call(
        dma,
        peer.device[RAW].dma,
        peer.bar,
        offset,
        bytes,
        options.direction,
      )
      return new DmaMapping(this.device, peer, raw, offset, bytes, options.direction)
    })
  }

  #mapList(parts: readonly DmaPart[], options: ListMapOptions): DmaList {
    return this.#sync('dma.map', () => {
      this.device.context.mayWait('dma.map')
      const most = this.device.capabilities.require('dma.list')['parts'] as number
      checkDirection(options?.direction)
      const attributes = this.bits(options.attributes)
      if (parts.length === 0) throw new TypeError('a list has at least one part')
      if (parts.length > most) {
        throw new HmmError('EINVAL', {
          message: `${parts.length} parts are more than one list holds (${most})`,
          hint: "Map it in pieces; the limit 'parts' of capability dma.list says how many.",
        })
      }
      const route = (peer: PeerMemory): PeerRoute => this.#route(peer)
      const raws = parts.map((part) => checkPart(this.device, part, 'dma.map', route))
      const { dma } = this.device[RAW]
      const raw = (dma.mapList as NonNullable<RawDma['mapList']>).call(
        dma,
        raws,
        options.direction,
        attributes,
      )
      const sources = parts.map((part) => ('source' in part ? part.source : part))
      const lists = new Set(sources.map((source) => source.lists))
      const bytes = raws.reduce((sum, part) => sum + part.bytes, 0)
      return new DmaList(this.device, raw, [...lists], bytes, options.direction)
    })
  }

  private checkMap(buffer: HostBuffer, options: BufferMapOptions): void {
    const { device } = this
    device.checkOpen('dma.map')
    device.context.mayWait('dma.map')
    checkBuffer(device, buffer, 'dma.map')
    checkDirection(options?.direction)
  }

  private failed(error: unknown): unknown {
    return this.device.context.decorate(error, 'dma.map')
  }

  private bits(attributes: readonly MapAttribute[] | undefined): number {
    return this.allowed(mapAttributes(attributes))
  }

  /** The bits, if there are none or the backend knows them. */
  private allowed(attributes: number): number {
    if (attributes !== 0) this.device.capabilities.require('dma.attributes')
    return attributes
  }

  #route(peer: PeerMemory): PeerRoute {
    this.device.capabilities.require('dma.peer')
    if (!(peer instanceof PeerMemory) || peer.device.context !== this.device.context) {
      throw new TypeError('peer memory is that of a device of the same backend')
    }
    void peer.raw
    const { dma } = this.device[RAW]
    return (dma.peerRoute as NonNullable<RawDma['peerRoute']>).call(dma, peer.device[RAW].dma)
  }

  #sync<T>(op: string, run: () => T): T {
    this.device.checkOpen(op)
    return this.device.context.call(op, undefined, run)
  }

  #wait<T extends Owned>(op: string, wait: Wait | undefined, run: () => Promise<T>): Promise<T> {
    const open = (): Promise<T> => {
      this.device.checkOpen(op)
      return run()
    }
    return bounded(this.device.context, op, undefined, wait, open, (late) => late.close())
  }
}

function checkBufferPart(buffer: HostBuffer, offset: number, bytes: number, dma: RawDma): void {
  checkInteger('offset', offset, 0)
  checkBytes('bytes', bytes)
  buffer.checkInside(offset, bytes)
  const most = dma.limits.maxMappingBytes
  if (bytes <= most) return
  throw new HmmError('EINVAL', {
    message: `${bytes} bytes are more than one mapping holds (${most})`,
    hint: 'Map it in pieces; dma.limits.maxMappingBytes says how large one may be.',
  })
}
