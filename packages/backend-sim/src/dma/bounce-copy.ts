import type { SegmentLimits } from '@hmm-sdk/hmm-api/raw'
import type { Machine } from '../sim/machine.js'
import { POINT_BOUNCE } from '../sim/failure-point.js'
import { SLOT_BYTES, type BouncePool } from './bounce-pool.js'
import type { SimBuffer } from './buffer.js'
import { TwoCopies } from './two-copies.js'
import { readFrames, writeFrames } from './frame-bytes.js'

/** Slots of the bounce buffers that stand for bytes of a buffer while they are mapped. */
export class BounceCopy {
  readonly firstFrame: number
  /** Where the bytes begin in `firstFrame`. */
  readonly offset: number
  readonly #machine: Machine
  readonly #pool: BouncePool
  readonly #slot: number
  readonly #slots: number
  readonly #buffer: SimBuffer
  readonly #start: number
  readonly #copies: TwoCopies | undefined

  private constructor(
    machine: Machine,
    slot: { readonly first: number; readonly count: number; readonly offset: number },
    buffer: SimBuffer,
    start: number,
  ) {
    this.#machine = machine
    this.#pool = machine.dma.pool
    this.#slot = slot.first
    this.#slots = slot.count
    this.firstFrame = this.#pool.frameOf(slot.first)
    this.offset = ((slot.first * SLOT_BYTES) % machine.pageSize) + slot.offset
    this.#buffer = buffer
    this.#start = start
    this.#copies = TwoCopies.watch(machine.scheduler.explorer)
  }

  /**
   * Slots for `bytes` of the buffer from `start`, with the low address bits of `minAlignMask` kept,
   * in no two blocks of the boundary; undefined if the pool is full. `wholePages` is for an IOMMU:
   * nothing else shares the pages, and what surrounds the bytes is zero.
   */
  static take(
    machine: Machine,
    buffer: SimBuffer,
    start: number,
    bytes: number,
    { minAlignMask, boundaryMask }: SegmentLimits,
    wholePages: boolean,
  ): BounceCopy | undefined {
    const { pageSize } = machine
    // The buffer begins on a page; the mask never reaches beyond one slot but in whole slots.
    const offset = (start % pageSize) & minAlignMask
    const inSlot = offset % SLOT_BYTES
    const lead = wholePages ? offset : inSlot
    let count = Math.ceil((lead + bytes) / SLOT_BYTES)
    let stride = 1
    if (wholePages || (minAlignMask === 0 && bytes >= pageSize)) stride = pageSize / SLOT_BYTES
    else if (minAlignMask >= SLOT_BYTES) stride = (minAlignMask + 1) / SLOT_BYTES
    if (wholePages) count = Math.ceil(count / stride) * stride
    const skip = wholePages ? 0 : Math.floor(offset / SLOT_BYTES)
    if (machine.failures.fails(POINT_BOUNCE)) return undefined
    const { pool } = machine.dma
    const base = (machine.dma.busPage(pool.firstFrame) * pageSize) / SLOT_BYTES + skip
    // Slots, not bytes, and behind an IOMMU too: so a page never fits a boundary below it.
    const block = Math.max(1, (boundaryMask + 1) / SLOT_BYTES)
    const crosses = (slotAt: number): boolean =>
      Math.floor((base + slotAt) / block) !== Math.floor((base + slotAt + count - 1) / block)
    const first = pool.allocate(count + skip, stride, crosses)
    if (first < 0) return undefined
    if (skip > 0) machine.dma.pool.release(first, skip)
    const slot = { first: first + skip, count, offset: lead }
    const copy = new BounceCopy(machine, slot, buffer, start)
    if (wholePages) copy.#clear()
    copy.toDevice(0, bytes)
    return copy
  }

  /** Copies what the CPU sees to where the device reads. */
  toDevice(offset: number, bytes: number): void {
    this.#copies?.toDevice(offset, offset + bytes)
    const from = this.#buffer.peek(this.#start + offset, bytes)
    writeFrames(this.#machine, this.firstFrame, this.offset + offset, from)
  }

  /** Copies what the device wrote to where the CPU reads. */
  toCpu(offset: number, bytes: number): void {
    this.#copies?.toCpu(offset, offset + bytes)
    const from = readFrames(this.#machine, this.firstFrame, this.offset + offset, bytes)
    this.#buffer.poke(this.#start + offset, from)
  }

  /** The CPU wrote bytes of the buffer, the device bytes of the slots; from the start of the mapping. */
  written(by: 'cpu' | 'device', start: number, end: number): void {
    if (by === 'cpu') this.#copies?.cpuWrote(start, end)
    else this.#copies?.deviceWrote(start, end)
  }

  release(): void {
    this.#pool.release(this.#slot, this.#slots)
  }

  #clear(): void {
    const zeros = new Uint8Array(this.#slots * SLOT_BYTES)
    writeFrames(this.#machine, this.firstFrame, 0, zeros)
  }
}
