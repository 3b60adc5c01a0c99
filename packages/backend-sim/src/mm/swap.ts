import { FRAME_SWAPCACHE, type FrameTable } from './frame-table.js'

/** What was read back and is mapped by nobody: who maps it first makes the frame. */
const NO_FRAME = 0

/**
 * Swapped-out pages: their bytes, and how many page table entries refer to each. A page that was read
 * back while others refer to it is in the swap cache: they get the same one, as long as it is mapped.
 */
export class Swap {
  readonly #frames: FrameTable
  /** The swap entry of a frame with FRAME_SWAPCACHE; of others what it once was. */
  readonly #entries = new Map<number, number>()
  readonly #cache = new Map<number, number>()
  readonly #refs: number[] = [0]
  readonly #slots: number[] = [0]
  readonly #free: number[] = []

  constructor(frames: FrameTable) {
    this.#frames = frames
  }

  /** Entries in use. */
  get used(): number {
    return this.#refs.length - 1 - this.#free.length
  }

  /** A swap entry with the bytes of `slot`, without a reference yet. */
  store(slot: number): number {
    const entry = this.#free.pop() ?? this.#refs.length
    this.#refs[entry] = 0
    this.#slots[entry] = this.#frames.data.duplicate(slot)
    return entry
  }

  /** The entry for the contents of `frame`, which is reclaimed: that of the others, or a new one. */
  storeFrame(frame: number): number {
    const entry = this.entryOf(frame)
    if (entry === 0) return this.store(this.#frames.slots[frame]!)
    this.#cache.delete(entry)
    return entry
  }

  /** A slot with a copy of the bytes. */
  load(entry: number): number {
    return this.#frames.data.duplicate(this.#slots[entry]!)
  }

  /** `frame` shows what `entry` holds for others too. */
  cache(entry: number, frame: number): void {
    this.#frames.flags[frame]! |= FRAME_SWAPCACHE
    this.#cache.set(entry, frame)
    this.#entries.set(frame, entry)
  }

  /** Reads `entry` back before anybody maps it. */
  readAhead(entry: number): void {
    if (!this.#cache.has(entry)) this.#cache.set(entry, NO_FRAME)
  }

  /** Whether `entry` was read back since it was written. */
  wasRead(entry: number): boolean {
    return this.#cache.has(entry)
  }

  /** The frame in which `entry` is already, 0 if there is none. */
  cached(entry: number): number {
    const frame = this.#cache.get(entry) ?? NO_FRAME
    return frame !== NO_FRAME && this.entryOf(frame) === entry ? frame : 0
  }

  /** The swap entry by which others refer to the contents of `frame`, 0 if there is none. */
  entryOf(frame: number): number {
    if ((this.#frames.flags[frame]! & FRAME_SWAPCACHE) === 0) return 0
    const entry = this.#entries.get(frame)!
    return this.#cache.get(entry) === frame ? entry : 0
  }

  refs(entry: number): number {
    return this.#refs[entry]!
  }

  /** `swap_duplicate`. */
  get(entry: number): void {
    this.#refs[entry]!++
  }

  /** `swap_free`: the last reference frees the entry. */
  put(entry: number): void {
    const refs = this.#refs[entry]! - 1
    this.#refs[entry] = refs
    if (refs > 0) return
    this.#frames.data.release(this.#slots[entry]!)
    this.#cache.delete(entry)
    this.#free.push(entry)
  }
}
