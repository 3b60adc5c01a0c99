import type { DmaDirection, RawDmaMapping } from '@hmm-sdk/hmm-api/raw'
import type { BounceCopy } from './bounce-copy.js'
import type { SimBuffer } from './buffer.js'
import { ByteRanges } from './byte-ranges.js'
import type { DmaTranslation } from './dma-translation.js'
import { ATTR_SKIP_CPU_SYNC } from './attributes.js'
import type { LiveMappings } from './live-mappings.js'

/** What the mappings of one device share. */
export interface MappingOwner {
  readonly translation: Pick<DmaTranslation, 'unmap'>
  readonly coherent: boolean
  /** Whether an access after unmap is sure to fault. */
  readonly revocable: boolean
  /** The live mappings. */
  readonly mappings: LiveMappings
  report(check: 'missing-sync-cpu', mapping: SimDmaMapping): void
  /** A mapping is gone; its addresses are remembered for a while. */
  unmapped(mapping: SimDmaMapping): void
  /** Takes a mapping that is gone, to make another one of it; only where that is done. */
  reuse?(mapping: SimDmaMapping): void
}

/**
 * A live mapping of a buffer (`dma_map_phys`). Its owner may make the next one of it when it has
 * ended, as the kernel's checker does with its entries: a driver maps more often than anything else.
 */
export class SimDmaMapping implements RawDmaMapping {
  dmaPage = 0
  offset = 0
  direction: DmaDirection = 'bidirectional'
  buffer: SimBuffer
  /** First byte in the buffer, and how many. */
  start = 0
  bytes = 0
  /** Bits of DMA_ATTRIBUTES. */
  attributes = 0
  /** The piece of a list that goes on its segment. */
  follower: SimDmaMapping | undefined = undefined
  /** The next older mapping of the buffer. */
  next: SimDmaMapping | undefined = undefined
  // Not `#private`: methods of that kind are looked for at each call of `new`.
  private newer: SimDmaMapping | undefined = undefined
  private pages = 0
  private readonly owner: MappingOwner
  private copy: BounceCopy | undefined = undefined
  /** Bytes of the mapping that the device wrote and the CPU was not given yet. */
  private deviceWrote: ByteRanges | undefined = undefined
  /** Bytes that the CPU wrote and the device was not given yet. */
  private cpuWrote: ByteRanges | undefined = undefined
  /** Its place in the owner's mappings, -1 while it maps nothing. */
  private place = -1

  constructor(owner: MappingOwner, buffer: SimBuffer) {
    this.owner = owner
    this.buffer = buffer
  }

  /** It maps `bytes` of `buffer` from now on; what it mapped before has ended. */
  begin(
    dmaPage: number,
    pages: number,
    offset: number,
    buffer: SimBuffer,
    start: number,
    bytes: number,
    direction: DmaDirection,
    copy?: BounceCopy,
    attributes = 0,
  ): this {
    const { owner } = this
    this.dmaPage = dmaPage
    this.pages = pages
    this.offset = offset
    this.buffer = buffer
    this.start = start
    this.bytes = bytes
    this.direction = direction
    this.attributes = attributes
    this.follower = undefined
    this.copy = copy
    this.deviceWrote = undefined
    this.cpuWrote = undefined
    this.newer = undefined
    const older = buffer.mappings
    this.next = older
    if (older !== undefined) older.newer = this
    buffer.mappings = this
    this.place = owner.mappings.add(this)
    const skips = attributes !== 0 && (attributes & ATTR_SKIP_CPU_SYNC) !== 0
    if (buffer.hasDues) this.settle(skips)
    if (!owner.coherent && copy === undefined) buffer.giveToDevice(start, bytes, skips)
    return this
  }

  get live(): boolean {
    return this.place >= 0
  }

  get revocable(): boolean {
    return this.owner.revocable
  }

  /** Hands bytes of the mapping over; where CPU and device see different copies, moves them. */
  sync(to: 'cpu' | 'device', offset: number, bytes: number): void {
    const { direction } = this
    if (to === 'cpu') {
      this.deviceWrote?.remove(offset, offset + bytes)
      if (direction === 'to-device') return
      if (this.copy !== undefined) this.copy.toCpu(offset, bytes)
      else if (!this.owner.coherent) this.buffer.syncCache('cpu', this.start + offset, bytes)
      return
    }
    this.cpuWrote?.remove(offset, offset + bytes)
    if (direction === 'from-device') return
    this.buffer.handedOver(this.start + offset, bytes)
    if (this.copy !== undefined) this.copy.toDevice(offset, bytes)
    else if (!this.owner.coherent) this.buffer.syncCache('device', this.start + offset, bytes)
  }

  unmap(): void {
    const place = this.place
    if (place < 0) return
    this.place = -1
    const moved = this.owner.mappings.remove(place)
    if (moved !== undefined) moved.place = place
    if (this.newer === undefined) this.buffer.mappings = this.next
    else this.newer.next = this.next
    if (this.next !== undefined) this.next.newer = this.newer
    this.owner.unmapped(this)
    this.owner.translation.unmap(this.dmaPage, this.pages)
    const skips = this.attributes !== 0 && (this.attributes & ATTR_SKIP_CPU_SYNC) !== 0
    const owes = skips && this.deviceWrote?.empty === false
    if (this.copy !== undefined) this.takeBack(this.copy, skips)
    else if (!this.owner.coherent) {
      const written = this.direction !== 'to-device' && !skips
      this.buffer.takeFromDevice(this.start, this.bytes, written)
    }
    if (owes) this.buffer.leaveUnsynced(this)
    else this.owner.reuse?.(this)
  }

  /** The CPU reads bytes of the buffer. */
  cpuReads(offset: number, length: number): void {
    const from = offset - this.start
    if (this.deviceWrote?.overlaps(from, from + length) === true) {
      this.owner.report('missing-sync-cpu', this)
    }
  }

  /** The CPU writes bytes of the buffer. */
  cpuWrites(offset: number, length: number): void {
    const from = Math.max(0, offset - this.start)
    const to = Math.min(this.bytes, offset - this.start + length)
    if (from < to) this.copy?.written('cpu', from, to)
    if (this.direction === 'from-device') return
    if (from < to) (this.cpuWrote ??= new ByteRanges()).add(from, to)
  }

  /** The device wrote bytes of the mapping. */
  deviceWrites(offset: number, length: number): void {
    if (this.direction === 'to-device') return
    if (this.copy !== undefined) this.copy.written('device', offset, offset + length)
    else if (!this.owner.coherent) this.buffer.deviceWrote(this.start + offset, length)
    ;(this.deviceWrote ??= new ByteRanges()).add(offset, offset + length)
  }

  /** Whether the device would read bytes that the CPU has not handed over. */
  readsStale(offset: number, length: number): boolean {
    return this.cpuWrote?.overlaps(offset, offset + length) === true
  }

  /** What the CPU wrote before is handed over, or owed if the map does not do that. */
  private settle(skips: boolean): void {
    if (!skips) this.buffer.handedOver(this.start, this.bytes)
    else if (this.direction !== 'from-device') {
      this.buffer.eachOwed(this.start, this.bytes, (from, to) => {
        ;(this.cpuWrote ??= new ByteRanges()).add(from - this.start, to - this.start)
      })
    }
  }

  private takeBack(copy: BounceCopy, skips: boolean): void {
    if (this.direction !== 'to-device' && !skips) copy.toCpu(0, this.bytes)
    copy.release()
  }
}
