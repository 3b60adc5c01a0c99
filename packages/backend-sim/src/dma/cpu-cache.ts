import type { FrameTable } from '../mm/frame-table.js'
import type { TwoCopies } from './two-copies.js'

/**
 * What the CPU has in its cache of a buffer that a non-coherent device maps: the CPU reads and
 * writes here, the device reads and writes memory, and only sync, map and unmap move bytes.
 */
export class CpuCache {
  readonly #frames: FrameTable
  readonly #pageSize: number
  readonly #firstFrame: number
  readonly #pages = new Map<number, Uint8Array>()
  /** What is newer here or in memory; while schedules are explored. */
  readonly copies: TwoCopies | undefined
  /** Mappings that need it. */
  users = 0

  constructor(
    frames: FrameTable,
    pageSize: number,
    firstFrame: number,
    copies: TwoCopies | undefined,
  ) {
    this.#frames = frames
    this.#pageSize = pageSize
    this.#firstFrame = firstFrame
    this.copies = copies
  }

  /** Fetches pages that are not in the cache yet. */
  fetch(start: number, end: number): void {
    const size = this.#pageSize
    for (let page = Math.floor(start / size); page * size < end; page++) {
      if (this.#pages.has(page)) continue
      const bytes = new Uint8Array(size)
      this.#frames.read(this.#firstFrame + page, 0, bytes, 0, size)
      this.#pages.set(page, bytes)
    }
  }

  /** Page `index` if it is in the cache. */
  page(index: number): Uint8Array | undefined {
    return this.#pages.get(index)
  }

  /** Writes bytes back, so that the device sees them. */
  clean(start: number, end: number): void {
    this.copies?.toDevice(start, end)
    this.#writeBack(start, end)
  }

  #writeBack(start: number, end: number): void {
    this.#each(start, end, (frame, bytes, from, to) =>
      this.#frames.write(frame, from, bytes.subarray(from, to)),
    )
  }

  /** Drops bytes, so that the CPU sees what is in memory. */
  invalidate(start: number, end: number): void {
    this.copies?.toCpu(start, end)
    this.#each(start, end, (frame, bytes, from, to) =>
      this.#frames.read(frame, from, bytes, from, to - from),
    )
  }

  /** Writes everything back. */
  cleanAll(): void {
    for (const page of this.#pages.keys()) {
      this.#writeBack(page * this.#pageSize, (page + 1) * this.#pageSize)
    }
  }

  #each(
    start: number,
    end: number,
    visit: (frame: number, bytes: Uint8Array, from: number, to: number) => void,
  ): void {
    const size = this.#pageSize
    for (let page = Math.floor(start / size); page * size < end; page++) {
      const bytes = this.#pages.get(page)
      if (bytes === undefined) continue
      const from = Math.max(0, start - page * size)
      visit(this.#firstFrame + page, bytes, from, Math.min(size, end - page * size))
    }
  }
}
