import { HmmError } from '@hmm-sdk/hmm-api'
import type {
  DmaDirection,
  DmaMisuse,
  PeerRoute,
  RawBuffer,
  RawCoherentBuffer,
  RawDma,
  RawDmaLimits,
  RawDmaList,
  RawIovaWindow,
  RawListPart,
  SegmentLimits,
} from '@hmm-sdk/hmm-api/raw'
import type { MirrorChunk } from '../hmm/mirror-dma.js'
import { IntervalTree } from '../mm/interval-tree.js'
import type { MemoryMap } from '../mm/memory-map.js'
import type { Machine } from '../sim/machine.js'
import { AccessCheck } from './access-check.js'
import { BusAddresses } from './bus-address.js'
import { BounceCopy } from './bounce-copy.js'
import { BouncePool } from './bounce-pool.js'
import { SimBuffer } from './buffer.js'
import type { DmaCheck } from './dma-checker.js'
import type { DmaOptions } from './dma-options.js'
import { ATTR_REQUIRE_COHERENT } from './attributes.js'
import type { CallSites } from './call-sites.js'
import { DeviceMappings } from './device-mappings.js'
import { mapList } from './list-mapper.js'
import type { SimDmaList } from './sim-dma-list.js'
import { createTranslation, translates } from './dma-shape.js'
import type { DmaTranslation } from './dma-translation.js'
import { SimIovaWindow } from './iova-window.js'
import { checkOverlap } from './overlap.js'
import { RecentAddresses } from './recent-addresses.js'
import { peerRoute } from './peer-route.js'
import { SimDmaMapping, type MappingOwner } from './streaming-mapping.js'

/** The mask of a device whose driver has not set one. */
const DEFAULT_MASK_BITS = 32
/** Fewer bits than this reach no memory that a platform has to offer. */
const FEWEST_MASK_BITS = 24

/** What the kernel sets for a PCI device (`pci_device_add`). */
const DEFAULT_SEGMENTS = { maxBytes: 65536, boundaryMask: 2 ** 32 - 1 }

/** The BAR whose memory peers may reach. */
export const PEER_BAR = 2

/** The DMA side of one device. */
export class DeviceDma implements RawDma, MappingOwner {
  limits: RawDmaLimits
  readonly machine: Machine
  readonly translation: DmaTranslation
  /** Windows of mirrors, by DMA page. */
  readonly mirrorWindows = new IntervalTree<MirrorChunk>()
  /** Mirrors that are open, whatever of them is mapped. */
  mirrors = 0
  readonly coherent: boolean
  /** Whether the device is given whole pages only, and copies of what fills none. */
  readonly bouncesUnaligned: boolean
  readonly revocable: boolean
  readonly mappings = new DeviceMappings()
  /** Where things were mapped. */
  readonly recent: RecentAddresses
  /** What watches the accesses of the device. */
  readonly access: AccessCheck
  readonly #name: string
  readonly #options: DmaOptions
  readonly #buffers = new Set<SimBuffer>()
  readonly #windows = new Set<SimIovaWindow>()
  /** Whether CPU and device see the same memory, at all times: nothing is copied. */
  private readonly plain: boolean
  private readonly sites: CallSites
  private readonly pageShift: number
  private readonly pageMask: number
  readonly #lists = new Set<SimDmaList>()
  /** Memory in a BAR, for peers. */
  readonly #bar: SimBuffer | undefined
  /** Memory of peers by bus address; made when it is first mapped. */
  #busAddresses: BusAddresses | undefined

  constructor(machine: Machine, options: DmaOptions, name: string) {
    const { shape, coherent, lazy } = options
    this.machine = machine
    this.bouncesUnaligned = shape === 'unaligned'
    this.#options = options
    this.#name = name
    this.coherent = coherent
    this.translation = createTranslation(machine, options, DEFAULT_MASK_BITS)
    const translating = translates(shape)
    this.revocable = translating && !options.reuseAtOnce
    const bounces = shape === 'swiotlb' || shape === 'unaligned'
    this.sites = machine.dma.sites
    this.pageShift = machine.pageShift
    this.pageMask = machine.pageSize - 1
    this.plain = coherent && !bounces && !options.bounceAlways
    this.limits = Object.freeze({
      translating,
      coherent,
      maxMappingBytes: bounces ? BouncePool.maxBytes(options.minAlignMask) : 2 ** 32,
      pageShift: machine.pageShift,
      flush: lazy ? 'lazy' : 'strict',
      segments: Object.freeze({ ...DEFAULT_SEGMENTS, minAlignMask: options.minAlignMask }),
    })
    this.recent = new RecentAddresses(machine.pageSize)
    this.access = new AccessCheck(machine, this, name)
    const lazyFlush = this.translation.domain?.lazy
    if (lazyFlush !== undefined) lazyFlush.onStale = (page) => this.access.stale(page)
    // The pool is there before anything else is; where it lies matters to all addresses.
    if (bounces) void machine.dma.pool
    this.#bar = options.peerPages > 0 ? this.#makeBar(options.peerPages) : undefined
  }

  setMask(bits: number): void {
    if (bits < FEWEST_MASK_BITS) {
      throw new HmmError('EIO', {
        message: `no memory can be reached with ${bits} bits`,
        hint: `A mask has ${FEWEST_MASK_BITS} to 64 bits.`,
      })
    }
    if (this.#windows.size + this.mirrors > 0 || this.access.hasCoherent) throw inUse()
    this.#checkUnmapped()
    this.translation.setMask(bits)
  }

  setSegmentLimits(segments: SegmentLimits): void {
    this.#checkUnmapped()
    const { limits } = this
    const bounces = limits.maxMappingBytes < 2 ** 32
    const most = bounces ? BouncePool.maxBytes(segments.minAlignMask) : limits.maxMappingBytes
    this.limits = Object.freeze({ ...limits, maxMappingBytes: most, segments })
  }

  async allocBuffer(bytes: number): Promise<RawBuffer> {
    return this.#allocate(bytes)
  }

  async allocCoherent(bytes: number): Promise<RawCoherentBuffer> {
    const buffer = this.#allocate(bytes)
    let dmaPage: number
    try {
      dmaPage = this.translation.map(buffer.firstFrame, buffer.pages, true)
    } catch (error) {
      buffer.free()
      throw error
    }
    const range = this.access.allocated(dmaPage, bytes)
    this.machine.dma.sites.mapped(range)
    let live = true
    const made: RawCoherentBuffer = {
      bytes,
      dmaPage,
      read: (offset, length) => buffer.peek(offset, length),
      write: (offset, from) => buffer.poke(offset, from),
      block: (offset, count, used) => {
        range.blocks ??= new Map()
        if (used) range.blocks.set(offset, count)
        else range.blocks.delete(offset)
      },
      free: () => {
        if (!live) return
        live = false
        this.access.freed(range)
        this.translation.unmap(dmaPage, buffer.pages)
        buffer.free()
      },
    }
    this.machine.dma.sites.share(range, [made])
    return made
  }

  map(
    buffer: RawBuffer,
    offset: number,
    bytes: number,
    direction: DmaDirection,
    attributes: number,
  ): SimDmaMapping {
    if (!(buffer instanceof SimBuffer)) throw ofAnotherBackend()
    if (attributes !== 0 || !this.plain || this.sites.recording) {
      return this.mapSpecial(buffer, offset, bytes, direction, attributes)
    }
    // Bits: buffers have at most 2^30 bytes.
    const { pageMask, pageShift } = this
    const inPage = offset & pageMask
    const pages = (inPage + bytes + pageMask) >>> pageShift
    const write = direction !== 'to-device'
    if (write && buffer.mappings !== undefined) this.checkOverlap(buffer, offset, bytes, 0)
    const frame = buffer.firstFrame + (offset >>> pageShift)
    const dmaPage = this.translation.map(frame, pages, write)
    const mapping = this.mappings.again() ?? this.newPlain(buffer)
    mapping.begin(dmaPage, pages, inPage, buffer, offset, bytes, direction)
    return mapping
  }

  mapList(parts: readonly RawListPart[], direction: DmaDirection, attributes: number): RawDmaList {
    if ((attributes & ATTR_REQUIRE_COHERENT) !== 0) this.#checkCoherent(false)
    const limits = this.limits.segments!
    const ended = (list: SimDmaList): void => void this.#lists.delete(list)
    const list = mapList(this, parts, { direction, attributes, limits, ended })
    this.#lists.add(list)
    const { sites } = this.machine.dma
    sites.mapped(list)
    sites.share(list, list.pieces)
    return list
  }

  async openWindow(pages: number): Promise<RawIovaWindow> {
    const { domain } = this.translation
    if (domain === undefined) {
      throw new HmmError('EOPNOTSUPP', { message: 'windows need an IOMMU (dma_iova_try_alloc)' })
    }
    const window = new SimIovaWindow(this, domain, domain.allocate(pages), pages, (closed) =>
      this.#windows.delete(closed),
    )
    this.#windows.add(window)
    this.machine.dma.sites.mapped(window)
    return window
  }

  peerMemory(bar: number): RawBuffer | undefined {
    const memory = bar === PEER_BAR ? this.#bar : undefined
    if (memory === undefined) return undefined
    return {
      bytes: memory.bytes,
      read: (offset, length) => memory.peek(offset, length),
      write: (offset, bytes) => memory.poke(offset, bytes),
      free: () => undefined,
    }
  }

  peerRoute(peer: RawDma): PeerRoute {
    if (!(peer instanceof DeviceDma)) throw new TypeError('the peer is of another backend')
    return peerRoute(this.#options.pci, peer.#options.pci, peer === this)
  }

  mapPeer(
    peer: RawDma,
    bar: number,
    offset: number,
    bytes: number,
    direction: DmaDirection,
  ): SimDmaMapping {
    const { kind } = this.peerRoute(peer)
    const memory = this.peerBuffer(peer, bar)
    const { pageSize } = this.machine
    const inPage = offset % pageSize
    const pages = Math.ceil((inPage + bytes) / pageSize)
    // Registers are never cached and never bounced (DMA_ATTR_MMIO).
    const byBus = kind === 'bus-address'
    if (byBus) this.#busAddresses ??= new BusAddresses(this.machine)
    const translation = byBus ? this.#busAddresses! : this.translation
    const revocable = !byBus && this.revocable
    const owner: MappingOwner = { ...this.ownerOf(translation), coherent: true, revocable }
    const frame = memory.firstFrame + Math.floor(offset / pageSize)
    const dmaPage = translation.map(frame, pages, direction !== 'to-device')
    const mapping = this.#newSpecial(new SimDmaMapping(owner, memory, false))
    mapping.begin(dmaPage, pages, inPage, memory, offset, bytes, direction)
    return mapping
  }

  /** The memory of a peer that its bar shows. */
  peerBuffer(peer: RawDma, _bar: number): SimBuffer {
    return (peer as DeviceDma).#bar!
  }

  /** What mappings share whose addresses are given back in a way of their own. */
  ownerOf(translation: Pick<DmaTranslation, 'unmap'>): MappingOwner {
    return {
      coherent: this.coherent,
      revocable: this.revocable,
      mappings: this.mappings,
      report: (check, mapping) => this.report(check, mapping),
      release: (mapping) => {
        this.remember(mapping)
        translation.unmap(mapping.dmaPage, mapping.pages)
      },
    }
  }

  /** What an address of the device goes through: memory of peers may pass by the IOMMU. */
  routeOf(dmaPage: number): DmaTranslation {
    const bus = this.#busAddresses
    return bus !== undefined && this.machine.dma.inBar(dmaPage) ? bus : this.translation
  }

  revocations(dmaPage: number): number {
    if (!this.translation.mapped(dmaPage)) return -1
    const [chunk] = this.mirrorWindows.overlaps(dmaPage, dmaPage)
    return chunk?.revoked?.[dmaPage - chunk.iova] ?? 0
  }

  /** The process and the page of it that a mirror shows at `dmaPage`. */
  mirroredAt(dmaPage: number): { readonly mm: MemoryMap; readonly page: number } | undefined {
    const [chunk] = this.mirrorWindows.overlaps(dmaPage, dmaPage)
    if (chunk === undefined) return undefined
    const { mm, startPage } = chunk.owner
    return { mm, page: startPage + chunk.index + dmaPage - chunk.iova }
  }

  misuse(check: DmaMisuse, text: string, made?: object): void {
    this.reportMisuse(check, text, made)
  }

  /** A mistake of the driver, told with the name of the device. */
  reportMisuse(check: DmaCheck, what: string, made?: object): void {
    const { checker, sites } = this.machine.dma
    checker.report(check, `device '${this.#name}': ${what}`, sites.of(made))
  }

  /** The link of a window that shows the page. */
  linkAt(dmaPage: number): object | undefined {
    for (const window of this.#windows) {
      const at = dmaPage - window.dmaPage
      if (at >= 0 && at < window.pages) return window.linkAt(at)
    }
    return undefined
  }

  report(check: DmaCheck, mapping: SimDmaMapping): void {
    this.reportMisuse(check, this.access.describe(mapping), mapping)
  }

  release(mapping: SimDmaMapping): void {
    const { dmaPage } = mapping
    if (this.sites.used) this.remember(mapping)
    else this.recent.add(dmaPage, mapping.offset, mapping.bytes)
    this.translation.unmap(dmaPage, mapping.pages)
  }

  private remember(mapping: SimDmaMapping): void {
    const known = this.sites.unmapped(mapping)
    this.recent.add(mapping.dmaPage, mapping.offset, mapping.bytes, known)
  }

  /** Frees everything; what was still open is returned. */
  async close(): Promise<{ kind: string; name: string }[]> {
    const left: { kind: string; name: string }[] = []
    const name = (page: number) => `DMA page 0x${page.toString(16)}`
    for (const list of [...this.#lists]) {
      left.push({ kind: 'dma-list', name: name(list.first.dmaPage) })
      list.unmap()
    }
    for (const mapping of this.mappings.list()) {
      left.push({ kind: 'dma-mapping', name: name(mapping.dmaPage) })
      mapping.unmap()
    }
    for (const window of [...this.#windows]) {
      left.push({ kind: 'iova-window', name: name(window.dmaPage) })
      await window.close()
    }
    for (const buffer of [...this.#buffers]) {
      left.push({ kind: 'dma-buffer', name: `${buffer.bytes} bytes` })
      buffer.free()
    }
    if (this.#bar !== undefined) {
      for (let each = this.#bar.mappings; each !== undefined; each = this.#bar.mappings) {
        left.push({ kind: 'peer-mapping', name: name(each.dmaPage) })
        each.unmap()
      }
      this.machine.dma.removeBar(this.#bar.firstFrame)
      this.#bar.free()
    }
    this.translation.flush()
    const used = this.translation.domain?.iova.used ?? 0
    if (used > 0) left.push({ kind: 'iova', name: `${used} pages` })
    this.translation.destroy()
    return left
  }

  #checkUnmapped(): void {
    if (this.mappings.count > 0) throw inUse()
  }

  #checkCoherent(bounces: boolean): void {
    if (this.coherent && !bounces) return
    throw new HmmError('EOPNOTSUPP', {
      message: bounces
        ? "the memory would be bounced, which 'require-coherent' does not allow"
        : "the device is not coherent, which 'require-coherent' does not allow",
      hint: 'Leave the attribute out and call sync, or use another device.',
    })
  }

  /** Maps with attributes, for a device that is given copies, or for reports that say who did it. */
  private mapSpecial(
    buffer: SimBuffer,
    offset: number,
    bytes: number,
    direction: DmaDirection,
    attributes: number,
  ): SimDmaMapping {
    const write = direction !== 'to-device'
    if (write) this.checkOverlap(buffer, offset, bytes, attributes)
    const first = buffer.firstFrame + (offset >>> this.pageShift)
    const bounces = this.#bounces(first, offset, bytes)
    if ((attributes & ATTR_REQUIRE_COHERENT) !== 0) this.#checkCoherent(bounces)
    const copy = bounces ? this.#takeCopy(buffer, offset, bytes) : undefined
    const inPage = copy?.offset ?? offset & this.pageMask
    const pages = this.#pages(inPage, bytes)
    try {
      const dmaPage = this.translation.map(copy?.firstFrame ?? first, pages, write)
      const mapping = this.#newSpecial(new SimDmaMapping(this, buffer, false, attributes, copy))
      mapping.begin(dmaPage, pages, inPage, buffer, offset, bytes, direction)
      return mapping
    } catch (error) {
      copy?.release()
      throw error
    }
  }

  #pages(inPage: number, bytes: number): number {
    return (inPage + bytes + this.pageMask) >>> this.pageShift
  }

  #bounces(frame: number, offset: number, bytes: number): boolean {
    const { shape, bounceAlways } = this.#options
    if (shape === 'unaligned') return ((offset | bytes) & this.pageMask) !== 0
    const pages = this.#pages(offset & this.pageMask, bytes)
    return bounceAlways || (shape === 'swiotlb' && !this.translation.reaches(frame, pages))
  }

  #takeCopy(buffer: SimBuffer, offset: number, bytes: number): BounceCopy {
    const { translating, segments } = this.limits
    const copy = BounceCopy.take(this.machine, buffer, offset, bytes, segments!, translating)
    if (copy !== undefined) return copy
    throw new HmmError('ENOMEM', {
      message: 'the bounce buffers are full (SWIOTLB)',
      hint: 'Unmap what is not used, map less at once, or make them larger: sim.swiotlbBytes.',
      retryable: true,
    })
  }

  private checkOverlap(buffer: SimBuffer, offset: number, bytes: number, attributes: number): void {
    checkOverlap(this.machine.dma, buffer, offset, bytes, this.coherent, attributes)
  }

  private newPlain(buffer: SimBuffer): SimDmaMapping {
    return this.mappings.add(new SimDmaMapping(this, buffer, true))
  }

  #newSpecial(mapping: SimDmaMapping): SimDmaMapping {
    this.sites.mapped(mapping)
    return this.mappings.add(mapping)
  }

  #makeBar(pages: number): SimBuffer {
    const bytes = pages * this.machine.pageSize
    const frame = SimBuffer.allocate(this.machine, bytes)
    if (frame === 0) throw new HmmError('ENOMEM', { message: 'no memory for the BAR' })
    this.machine.dma.addBar(frame, pages)
    return new SimBuffer(this.machine, bytes, frame, () => undefined)
  }

  #allocate(bytes: number): SimBuffer {
    const frame = SimBuffer.allocate(this.machine, bytes)
    if (frame === 0) {
      throw new HmmError('ENOMEM', { message: `no memory for a buffer of ${bytes} bytes` })
    }
    const buffer = new SimBuffer(this.machine, bytes, frame, (b) => this.#buffers.delete(b))
    this.#buffers.add(buffer)
    return buffer
  }
}

function ofAnotherBackend(): TypeError {
  return new TypeError('the buffer is of another backend')
}

/** The kernel's drivers set masks and limits before they map anything. */
function inUse(): HmmError {
  return new HmmError('EBUSY', {
    message: 'something is mapped for the device, or mirrored',
    hint: 'Set the mask and the limits of segments before anything is mapped.',
  })
}
