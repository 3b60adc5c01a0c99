import { FRAME_LOCKED, type FrameTable } from '../mm/frame-table.js'

/**
 * Which frames of a device's memory are free: the lowest are taken first, so that whole blocks stay
 * free at the end for as long as they can.
 */
export class DeviceFrames {
  readonly pages: number
  /** Frames that have numbers: whole blocks, more than may be used at the same time. */
  readonly frames: number
  readonly #table: FrameTable
  readonly #blockPages: number
  readonly #flags: number
  /** Page frame numbers are taken when the first page is used. */
  #first = 0
  #used = 0
  /** Below it nothing is free. */
  #hint = 0
  /** Pages in use of each block. */
  #blocks = new Uint16Array(0)

  /** `blockPages`: pages of a block, 0 for none; `flags`: of a free frame. */
  constructor(table: FrameTable, pages: number, blockPages: number, flags: number) {
    this.#table = table
    this.pages = pages
    this.#blockPages = blockPages
    this.#flags = flags
    this.frames = blockPages === 0 ? pages : Math.ceil(pages / blockPages) * blockPages
  }

  get first(): number {
    return this.#first
  }

  get free(): number {
    return this.pages - this.#used
  }

  /** A free page with one reference, locked (`zone_device_page_init`), or 0. */
  allocate(): number {
    if (this.#used === this.pages) return 0
    const { refs, flags } = this.#table
    let frame = this.#first + this.#hint
    while (refs[frame] !== 0) frame++
    refs[frame] = 1
    flags[frame] = this.#flags | FRAME_LOCKED
    this.#hint = frame - this.#first + 1
    this.#count(frame, 1)
    return frame
  }

  /** The same for a whole block (`zone_device_folio_init`): its first frame, or 0. */
  allocateBlock(): number {
    const pages = this.#blockPages
    if (pages === 0 || this.#used + pages > this.pages) return 0
    const block = this.#blocks.indexOf(0)
    if (block < 0) return 0
    const first = this.#first + block * pages
    this.#table.refs.fill(1, first, first + pages)
    this.#table.flags.fill(this.#flags | FRAME_LOCKED, first, first + pages)
    this.#blocks[block] = pages
    this.#used += pages
    return first
  }

  /** Takes the numbers at the first use; true if it did. */
  reserve(): boolean {
    if (this.#first !== 0) return false
    if (this.#blockPages === 0) this.#first = this.#table.reserve(this.frames)
    else {
      this.#first = this.#table.reserveAligned(this.frames, this.#blockPages)
      this.#blocks = new Uint16Array(this.frames / this.#blockPages)
    }
    return true
  }

  /** The last reference to `frame` is gone. */
  freed(frame: number): void {
    this.#hint = Math.min(this.#hint, frame - this.#first)
    this.#count(frame, -1)
  }

  #count(frame: number, change: number): void {
    this.#used += change
    if (this.#blockPages === 0) return
    this.#blocks[Math.floor((frame - this.#first) / this.#blockPages)]! += change
  }
}
