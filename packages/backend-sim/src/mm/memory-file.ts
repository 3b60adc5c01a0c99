import { IntervalTree } from './interval-tree.js'
import type { FrameTable } from './frame-table.js'
import { FRAME_DAX, FRAME_FILE } from './frame-table.js'
import type { PageLogs } from './page-logs.js'
import type { ReverseMap } from './reverse-map.js'
import type { Uprobe } from './uprobe.js'
import { VmaEntry, type Vma } from './vma.js'

/**
 * A file in memory (memfd, or the object behind shared anonymous memory) with its page cache and
 * the mappings of it (`struct address_space`).
 */
export class MemoryFile {
  readonly id: number
  /** Breakpoints in its mappings. */
  readonly uprobes = new Set<Uprobe>()
  readonly tree = new IntervalTree<VmaEntry>()
  /** Size in pages: beyond it an access is SIGBUS. */
  pages: number
  /** Who read and wrote what; while schedules are explored. */
  updates: PageLogs | undefined
  readonly #frames: FrameTable
  readonly #map: ReverseMap
  /** Page offset -> frame; the cache holds a reference of each. */
  readonly #cache = new Map<number, number>()
  #users = 1
  /** What its pages are: FRAME_FILE, unless a driver owns them. */
  readonly #flags: number

  constructor(frames: FrameTable, map: ReverseMap, pages: number, flags = FRAME_FILE) {
    this.#flags = flags
    this.#frames = frames
    this.#map = map
    this.pages = pages
    this.id = map.add(this)
  }

  /** Whether it is in persistent memory, which is mapped itself (DAX). */
  get dax(): boolean {
    return (this.#flags & FRAME_DAX) !== 0
  }

  /** Whether its pages are written back, so that shared mappings tell of the first write (`page_mkwrite`). */
  get writesBack(): boolean {
    return false
  }

  /** Frame of the page at `offset`, 0 if it is a hole. */
  find(offset: number): number {
    return this.#cache.get(offset) ?? 0
  }

  /** Frame of the page at `offset`, made if it is a hole; 0 if there is no memory. */
  findOrCreate(offset: number): number {
    const cached = this.#cache.get(offset)
    if (cached !== undefined) return cached
    const frame = this.#frames.allocate(this.#flags)
    if (frame !== 0) this.keep(offset, frame)
    return frame
  }

  /** `frame`, whose reference it takes over, is the page at `offset`, where there was none. */
  protected keep(offset: number, frame: number): void {
    this.#frames.mapping[frame] = this.id
    this.#frames.index[frame] = offset
    this.#cache.set(offset, frame)
  }

  /** Puts `frame`, whose reference it takes over, in place of the page at its offset. */
  replace(offset: number, frame: number): void {
    const old = this.#cache.get(offset)
    this.#cache.set(offset, frame)
    this.#frames.mapping[frame] = this.id
    this.#frames.index[frame] = offset
    if (old !== undefined) this.#frames.put(old)
  }

  /** Whether somebody maps one of the pages at `[first, end)` from the cache. */
  mapped(first: number, end: number): boolean {
    for (const [offset, frame] of this.#cache) {
      if (offset >= first && offset < end && this.#frames.maps[frame]! > 0) return true
    }
    return false
  }

  /** Drops the pages at `[first, end)` from the cache; nothing may map them any more. */
  drop(first: number, end: number): void {
    this.updates?.forget(first, end - first)
    for (const [offset, frame] of this.#cache) {
      if (offset < first || offset >= end) continue
      this.#cache.delete(offset)
      this.#frames.put(frame)
    }
  }

  /** Frames of the cache. */
  cached(): Iterable<number> {
    return this.#cache.values()
  }

  /** `after`: a mapping of the same offset that is met just before it. */
  link(vma: Vma, after?: Vma): void {
    vma.fileEntry = new VmaEntry(vma, vma.pgoff)
    if (after === undefined) this.tree.insert(vma.fileEntry)
    else this.tree.insertAfter(vma.fileEntry, after.fileEntry!)
  }

  unlink(vma: Vma): void {
    this.tree.remove(vma.fileEntry!)
    vma.fileEntry = undefined
  }

  /** A descriptor or a mapping uses it. */
  get(): void {
    this.#users++
  }

  /** The last user frees it and its pages. */
  put(): void {
    this.#users--
    if (this.#users > 0) return
    this.drop(0, Infinity)
    this.#map.remove(this.id)
  }
}
