import { HmmError } from '../error/hmm-error.js'
import type {
  DmaDirection,
  PeerRoute,
  RawDma,
  RawDmaLimits,
  RawDmaMapping,
} from '../raw/raw-dma.js'
import { checkBytes, checkDirection, checkInteger, checkPages } from './check.js'
import { rawWait, type Wait } from './context.js'
import type { Device } from './device.js'
import { CoherentBuffer, HostBuffer } from './host-buffer.js'
import { DmaMapping } from './dma-mapping.js'
import type { Synchronous } from './interval-notifier.js'
import { IovaWindow } from './iova-window.js'
import type { MirroredRange, MirrorMapOptions } from './mirror.js'
import type { MirrorMapping } from './mirror-mapping.js'
import { bounded } from '../sync/bounded.js'
import type { Owned } from './owned.js'
import { PeerMemory } from './peer-memory.js'
import { RAW } from './raw-of.js'

/** How a buffer or a peer's memory is mapped. */
export interface BufferMapOptions {
  readonly direction: DmaDirection
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
  readonly #device: Device

  /** @internal */
  constructor(device: Device) {
    this.#device = device
  }

  /** What the DMA of this device can do; fixed while it is open. */
  get limits(): RawDmaLimits {
    return this.#device[RAW].dma.limits
  }

  /**
   * Says how many address bits the device drives, 1 to 64; 32 until then. `dma_set_mask_and_coherent`
   * Errors: EIO if the platform cannot serve so few, EBADF.
   */
  setMask(bits: number): void {
    this.#sync('dma.setMask', () =>
      this.#device[RAW].dma.setMask(checkInteger('bits', bits, 1, 64)),
    )
  }

  /** Page-aligned memory of the driver's own, zeroed. Errors: ENOMEM, EOPNOTSUPP, EBADF. */
  allocBuffer(
    options: { readonly bytes: number; readonly name?: string } & Wait,
  ): Promise<HostBuffer> {
    return this.#wait('dma.allocBuffer', options, async () => {
      this.#device.capabilities.require('dma.streaming')
      const raw = await this.#device[RAW].dma.allocBuffer(checkBytes('bytes', options.bytes))
      return new HostBuffer(this.#device, raw, 'buffer', options.name ?? `${options.bytes} bytes`)
    })
  }

  /** Memory that device and CPU see alike, mapped. `dma_alloc_coherent` ENOMEM, EOPNOTSUPP, EBADF. */
  allocCoherent(
    options: { readonly bytes: number; readonly name?: string } & Wait,
  ): Promise<CoherentBuffer> {
    return this.#wait('dma.allocCoherent', options, async () => {
      this.#device.capabilities.require('dma.coherent')
      const raw = await this.#device[RAW].dma.allocCoherent(checkBytes('bytes', options.bytes))
      return new CoherentBuffer(this.#device, raw, options.name ?? `${options.bytes} bytes`)
    })
  }

  /**
   * Maps a buffer (`dma_map_phys`) or the memory of a peer. Errors: EIO if it cannot be reached
   * under the mask, EREMOTEIO if there is no route to the peer, ENOMEM, EOPNOTSUPP, EBADF;
   * RangeError outside.
   */
  map(source: HostBuffer | PeerMemory, options: BufferMapOptions): DmaMapping
  /** Maps a range of a mirrored process: the same as `mirror.map`. */
  map<R>(
    source: MirroredRange,
    options: MirrorMapOptions,
    commit: (mapping: MirrorMapping) => R & Synchronous<R>,
  ): Promise<R>
  map<R>(
    source: HostBuffer | PeerMemory | MirroredRange,
    options: BufferMapOptions | MirrorMapOptions,
    commit?: (mapping: MirrorMapping) => R & Synchronous<R>,
  ): DmaMapping | Promise<R> {
    if (source instanceof HostBuffer) return this.#mapBuffer(source, options as BufferMapOptions)
    if (source instanceof PeerMemory) return this.#mapPeer(source, options as BufferMapOptions)
    if (source?.mirror === undefined || commit === undefined) {
      throw new TypeError(
        'dma.map takes a buffer, peer memory, or mirror.select(range) with options and a commit',
      )
    }
    if (source.mirror.device !== this.#device) {
      throw new TypeError('the mirror belongs to another device: map it through that one')
    }
    return source.mirror.map<R>(source.range, options as MirrorMapOptions, commit as never)
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
      this.#device.capabilities.require('dma.window')
      const pages = checkPages('pages', options.pages)
      const raw = await this.#device[RAW].dma.openWindow(pages, rawWait(options))
      return new IovaWindow(this.#device, raw, options.name ?? `${pages} pages`)
    })
  }

  #mapBuffer(buffer: HostBuffer, options: BufferMapOptions): DmaMapping {
    const device = this.#device
    device.checkOpen('dma.map')
    // Not `#sync`: a closure for each map would be a good part of what it costs.
    try {
      device.context.mayWait('dma.map')
      buffer.checkOpen('dma.map')
      const direction = checkDirection(options?.direction)
      const offset = checkInteger('offset', options.offset ?? 0, 0)
      const bytes = checkBytes('bytes', options.bytes ?? buffer.bytes - offset)
      buffer.checkInside(offset, bytes)
      const { dma } = device[RAW]
      if (bytes > dma.limits.maxMappingBytes) throw tooLong(bytes, dma.limits.maxMappingBytes)
      const raw = dma.map(buffer[RAW], offset, bytes, direction)
      return newMapping(device, buffer, raw, offset, bytes, direction)
    } catch (error) {
      throw device.context.decorate(error, 'dma.map')
    }
  }

  #mapPeer(peer: PeerMemory, options: BufferMapOptions): DmaMapping {
    return this.#sync('dma.map', () => {
      this.#device.context.mayWait('dma.map')
      checkDirection(options?.direction)
      const route = this.#route(peer)
      if (route.kind === 'unsupported') {
        throw new HmmError('EREMOTEIO', {
          message: `${peer.name} cannot be reached: ${route.reason}`,
          hint: 'Ask dma.peerRoute first, and go through memory of the host where there is none.',
        })
      }
      const offset = checkInteger('offset', options.offset ?? 0, 0)
      const bytes = checkBytes('bytes', options.bytes ?? peer.raw.bytes - offset)
      peer.checkInside(offset, bytes)
      const { dma } = this.#device[RAW]
      const raw = (dma.mapPeer as NonNullable<RawDma['mapPeer']>).call(
        dma,
        peer.device[RAW].dma,
        peer.bar,
        offset,
        bytes,
        options.direction,
      )
      return new DmaMapping(this.#device, peer, raw, offset, bytes, options.direction)
    })
  }

  #route(peer: PeerMemory): PeerRoute {
    this.#device.capabilities.require('dma.peer')
    if (!(peer instanceof PeerMemory) || peer.device.context !== this.#device.context) {
      throw new TypeError('peer memory is that of a device of the same backend')
    }
    void peer.raw
    const { dma } = this.#device[RAW]
    return (dma.peerRoute as NonNullable<RawDma['peerRoute']>).call(dma, peer.device[RAW].dma)
  }

  #sync<T>(op: string, run: () => T): T {
    this.#device.checkOpen(op)
    return this.#device.context.call(op, undefined, run)
  }

  #wait<T extends Owned>(op: string, wait: Wait | undefined, run: () => Promise<T>): Promise<T> {
    const open = (): Promise<T> => {
      this.#device.checkOpen(op)
      return run()
    }
    return bounded(this.#device.context, op, undefined, wait, open, (late) => late.close())
  }
}

/** On its own, so that the constructor is inlined here; in `#mapBuffer` the engine finds it too much. */
function newMapping(
  device: Device,
  buffer: HostBuffer,
  raw: RawDmaMapping,
  offset: number,
  bytes: number,
  direction: DmaDirection,
): DmaMapping {
  return new DmaMapping(device, buffer, raw, offset, bytes, direction)
}

function tooLong(bytes: number, most: number): HmmError {
  return new HmmError('EINVAL', {
    message: `${bytes} bytes are more than one mapping holds (${most})`,
    hint: 'Map it in pieces; dma.limits.maxMappingBytes says how large one may be.',
  })
}
