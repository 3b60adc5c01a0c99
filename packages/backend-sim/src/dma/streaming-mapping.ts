import type { DmaDirection, RawDmaMapping } from '@hmm-sdk/hmm-api/raw'
import type { BounceCopy } from './bounce-copy.js'
import type { SimBuffer } from './buffer.js'
import { ByteRanges } from './byte-ranges.js'
import { ATTR_SKIP_CPU_SYNC } from './attributes.js'
import { NOWHERE, type DeviceMappings } from './device-mappings.js'

/** What the mappings of one device share. */
export interface MappingOwner {
  readonly coherent: boolean
  /** Whether an access after unmap is sure to fault. */
  readonly revocable: boolean
  readonly mappings: DeviceMappings
  report(check: 'missing-sync-cpu', mapping: SimDmaMapping): void
  /** Takes the addresses of a mapping that has ended. */
  release(mapping: SimDmaMapping): void
}

/**
 * A live mapping of a buffer (`dma_map_phys`). Of a plain one that has ended the next is made: a
 * driver maps more often than it does anything else.
 */
export class SimDmaMapping implements RawDmaMapping {
  dmaPage = 0
  pages = 0
  offset = 0
  direction: DmaDirection = 'bidirectional'
  buffer: SimBuffer
  /** First byte in the buffer, and how many. */
  start = 0
  bytes = 0
  /** Bits of DMA_ATTRIBUTES. */
  readonly attributes: number
  /** The piece of a list that goes on its segment. */
  follower: SimDmaMapping | undefined = undefined
  /** The next older mapping of the buffer. */
  next: SimDmaMapping | undefined = undefined
  // Not `#private`: methods of that kind are looked for at each call of `new`.
  private newer: SimDmaMapping | undefined = undefined
  private readonly owner: MappingOwner
  /** Whether there are no attributes, no copies, no records: nothing to do but to map. */
  private readonly plain: boolean
  /** What the device is given instead of the buffer. */
  private readonly copy: BounceCopy | undefined
  /** Bytes of the mapping that the device wrote and the CPU was not given yet. */
  private deviceWrote: ByteRanges | undefined = undefined
  /** Bytes that the CPU wrote and the device was not given yet. */
  private cpuWrote: ByteRanges | undefined = undefined
  /** Its place in the owner's mappings, which change it. */
  place = NOWHERE

  constructor(
    owner: MappingOwner,
    buffer: SimBuffer,
    plain: boolean,
    attributes = 0,
    copy?: BounceCopy,
  ) {
    this.owner = owner
    this.buffer = buffer
    this.plain = plain
    this.attributes = attributes
    this.copy = copy
  }

  /** It maps `bytes` of `buffer` from `start` on, from now on. */
  begin(
    dmaPage: number,
    pages: number,
    offset: number,
    buffer: SimBuffer,
    start: number,
    bytes: number,
    direction: DmaDirection,
  ): void {
    this.dmaPage = dmaPage
    this.pages = pages
    this.offset = offset
    this.buffer = buffer
    this.start = start
    this.bytes = bytes
    this.direction = direction
    this.deviceWrote = undefined
    this.cpuWrote = undefined
    this.newer = undefined
    const older = buffer.mappings
    this.next = older
    if (older !== undefined) older.newer = this
    buffer.mappings = this
    if (buffer.hasDues || !this.plain) this.handOver()
  }

  get live(): boolean {
    return this.owner.mappings.holds(this)
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
    const { owner, next, newer } = this
    if (!owner.mappings.end(this)) return
    if (newer === undefined) this.buffer.mappings = next
    else newer.next = next
    if (next !== undefined) next.newer = newer
    owner.release(this)
    if (this.plain) return
    this.takeBack()
    owner.mappings.drop(this)
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

  private get skips(): boolean {
    return (this.attributes & ATTR_SKIP_CPU_SYNC) !== 0
  }

  /** What the CPU wrote before is handed over, or owed if the map does not do that. */
  private handOver(): void {
    const { buffer, start, bytes, skips } = this
    if (!skips) buffer.handedOver(start, bytes)
    else if (this.direction !== 'from-device') {
      buffer.eachOwed(start, bytes, (from, to) => {
        ;(this.cpuWrote ??= new ByteRanges()).add(from - start, to - start)
      })
    }
    if (!this.owner.coherent && this.copy === undefined) buffer.giveToDevice(start, bytes, skips)
  }

  /** The CPU is given what the device wrote, or asks for it later if that is left to it. */
  private takeBack(): void {
    const { buffer, copy, skips } = this
    const written = this.direction !== 'to-device' && !skips
    if (copy !== undefined) {
      if (written) copy.toCpu(0, this.bytes)
      copy.release()
    } else if (!this.owner.coherent) buffer.takeFromDevice(this.start, this.bytes, written)
    if (skips && this.deviceWrote?.empty === false) buffer.leaveUnsynced(this)
  }
}
