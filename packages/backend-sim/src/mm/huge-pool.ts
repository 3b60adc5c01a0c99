import { POINT_FRAME, type FailurePoints } from '../sim/failure-point.js'
import { FRAME_HUGETLB, type FrameTable } from './frame-table.js'

/**
 * The huge pages of one size that were reserved when the machine started (`struct hstate`). Some are
 * promised to mappings that have not touched them yet; only the others are for everybody.
 */
export class HugePool {
  /** log2 of the bytes of a huge page. */
  readonly shift: number
  /** log2 of its pages. */
  readonly order: number
  readonly pages: number
  /** Huge pages there are. */
  readonly total: number
  /** Promised (`resv_huge_pages`). */
  reserved = 0
  readonly #frames: FrameTable
  readonly #failures: FailurePoints
  readonly #free: number[] = []
  /** First frame of each huge page that is in use. */
  readonly #used = new Set<number>()

  constructor(
    frames: FrameTable,
    failures: FailurePoints,
    shift: number,
    pageShift: number,
    total: number,
  ) {
    this.#frames = frames
    this.#failures = failures
    this.shift = shift
    this.order = shift - pageShift
    this.pages = 2 ** this.order
    this.total = total
  }

  /** Huge pages that are neither in use nor promised. */
  get available(): number {
    return this.total - this.#used.size - this.reserved
  }

  /** Promises `count` more huge pages (`hugetlb_acct_memory`); false if there are too few. */
  reserve(count: number): boolean {
    if (count > this.available) return false
    this.reserved += count
    return true
  }

  /**
   * First frame of a huge page, with one reference of each of its frames; 0 if there is none. With
   * `promised` it is one that was reserved.
   */
  take(promised: boolean): number {
    // What was promised cannot fail: that is what the promise is for.
    if (!promised && (this.#failures.fails(POINT_FRAME) || this.available <= 0)) return 0
    const first = this.#free.pop() ?? this.#frames.reserveBlock(this.pages)
    if (first === 0) return 0
    if (promised) this.reserved--
    const { refs, flags } = this.#frames
    refs.fill(1, first, first + this.pages)
    flags.fill(FRAME_HUGETLB, first, first + this.pages)
    this.#used.add(first)
    this.#frames.account(this.pages)
    return first
  }

  /** One more reference of each frame. */
  get(first: number): void {
    const { refs } = this.#frames
    for (let frame = first; frame < first + this.pages; frame++) refs[frame]!++
  }

  /** One reference of each frame less; the last of all frees the huge page. */
  put(first: number): void {
    for (let frame = first; frame < first + this.pages; frame++) this.#frames.put(frame)
  }

  /** One more mapping of each frame, or with -1 one less. */
  map(first: number, by: 1 | -1): void {
    const { maps } = this.#frames
    for (let frame = first; frame < first + this.pages; frame++) maps[frame]! += by
  }

  /** The last reference of a frame is gone: true if the frame is of this pool. */
  freed(frame: number): boolean {
    const first = frame - (frame % this.pages)
    if (!this.#used.has(first)) return false
    const { refs, flags } = this.#frames
    // Somebody may have pinned other frames of it; mostly they are put in order.
    for (let other = first + this.pages - 1; other >= first; other--) {
      if (refs[other] !== 0) return true
    }
    flags.fill(0, first, first + this.pages)
    this.#used.delete(first)
    this.#free.push(first)
    this.#frames.account(-this.pages)
    return true
  }
}
