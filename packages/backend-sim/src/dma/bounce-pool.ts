import { FRAME_BUFFER, type FrameTable } from '../mm/frame-table.js'

/** Bytes of a slot (`IO_TLB_SIZE`). */
export const SLOT_BYTES = 2048
/** Most slots of one mapping, which never leave a segment of so many (`IO_TLB_SEGSIZE`). */
export const SEGMENT_SLOTS = 128

/** Bounce buffers (SWIOTLB): memory that every device reaches, in slots of 2 KiB. */
export class BouncePool {
  readonly firstFrame: number
  readonly pages: number
  readonly #slots: Uint8Array
  readonly #pageSize: number
  #next = 0
  #used = 0

  constructor(frames: FrameTable, pageSize: number, bytes: number) {
    this.pages = Math.ceil(bytes / pageSize)
    this.#pageSize = pageSize
    // Taken at boot, before there are processes: no page of anybody's.
    this.firstFrame = frames.reserve(this.pages)
    frames.refs.fill(1, this.firstFrame, this.firstFrame + this.pages)
    frames.flags.fill(FRAME_BUFFER, this.firstFrame, this.firstFrame + this.pages)
    this.#slots = new Uint8Array((this.pages * pageSize) / SLOT_BYTES)
  }

  get slots(): number {
    return this.#slots.length
  }

  /** Slots in use. */
  get used(): number {
    return this.#used
  }

  /** Most bytes of one mapping of a device with that `min_align_mask`. */
  static maxBytes(minAlignMask: number): number {
    return SEGMENT_SLOTS * SLOT_BYTES - Math.ceil(minAlignMask / SLOT_BYTES) * SLOT_BYTES
  }

  /**
   * The first of `count` free slots in one segment, at a multiple of `stride` and not where `avoid`
   * says; or -1.
   */
  allocate(count: number, stride: number, avoid: (slot: number) => boolean = () => false): number {
    const total = this.#slots.length
    const begin = this.#next - (this.#next % stride)
    for (let tried = 0; tried < total; tried += stride) {
      const slot = (begin + tried) % total
      if (!this.#free(slot, count) || avoid(slot)) continue
      this.#slots.fill(1, slot, slot + count)
      this.#used += count
      this.#next = (slot + count) % total
      return slot
    }
    return -1
  }

  release(slot: number, count: number): void {
    this.#slots.fill(0, slot, slot + count)
    this.#used -= count
  }

  frameOf(slot: number): number {
    return this.firstFrame + Math.floor((slot * SLOT_BYTES) / this.#pageSize)
  }

  #free(slot: number, count: number): boolean {
    const inSegment = slot % SEGMENT_SLOTS
    if (inSegment + count > SEGMENT_SLOTS || slot + count > this.#slots.length) return false
    for (let i = slot; i < slot + count; i++) if (this.#slots[i] !== 0) return false
    return true
  }
}
