import { FRAME_DAX, FRAME_FILE, type FrameTable } from './frame-table.js'
import type { Machine } from '../sim/machine.js'
import type { WaitQueue } from '../sim/wait-queue.js'
import { MemoryFile } from './memory-file.js'

/** What the file's index says of a page or a block of it that was touched (`dax_make_entry`). */
export interface DaxEntry {
  /** Page of the file. */
  readonly first: number
  /** 1, or those of a block. */
  readonly pages: number
  /** `empty`: a private copy was made of it, nothing else. */
  kind: 'empty' | 'zero' | 'page'
  /** Written through a mapping since the last sync. */
  dirty: boolean
}

/**
 * A file in persistent memory, which is mapped itself (DAX). What was made in one go is contiguous, as a
 * file system that allocates in blocks has it; pages that are allocated later are where there is room.
 */
export class DaxFile extends MemoryFile {
  /** Pages of a block: what one entry of the second page table maps. */
  readonly blockPages: number
  /** Whether cutting it forgets what was mapped page by page (`forgetsDaxEntries`). */
  readonly forgetsEntries: boolean
  /** Somebody's pages were unpinned, of this file or of another. */
  readonly unpinned: WaitQueue
  readonly #frames: FrameTable
  /** Pages below it were allocated in the beginning. */
  #end: number
  /** Those of them that were punched out. */
  readonly #holes = new Set<number>()
  /** Blocks with pages that were allocated one by one. */
  readonly #scattered = new Set<number>()
  /** By the first page. */
  readonly #entries = new Map<number, DaxEntry>()

  constructor(machine: Machine, pages: number) {
    const { frames, reverseMap, pageTables, kernel } = machine
    super(frames, reverseMap, pages, FRAME_FILE | FRAME_DAX)
    this.#frames = frames
    this.#end = pages
    this.blockPages = 2 ** pageTables.bits
    this.unpinned = machine.pageUnpinned
    this.forgetsEntries = kernel.forgetsDaxEntries
  }

  override get writesBack(): boolean {
    return true
  }

  get entries(): ReadonlyMap<number, DaxEntry> {
    return this.#entries
  }

  /** Whether somebody but mappings has a page of it (`dax_layout_busy_page`). */
  get pinned(): boolean {
    const { refs, maps } = this.#frames
    for (const frame of this.cached()) if (refs[frame]! > maps[frame]! + 1) return true
    return false
  }

  isHole(offset: number): boolean {
    if (offset < this.#end && !this.#holes.has(offset)) return false
    return this.find(offset) === 0
  }

  /** Whether the block that begins at `block` is one piece of memory, one hole, or neither. */
  extentOf(block: number): 'memory' | 'hole' | 'mixed' {
    const hole = this.isHole(block)
    for (let offset = block + 1; offset < block + this.blockPages; offset++) {
      if (this.isHole(offset) !== hole) return 'mixed'
    }
    if (hole) return 'hole'
    return this.#scattered.has(block) ? 'mixed' : 'memory'
  }

  entryAt(offset: number): DaxEntry | undefined {
    const small = this.#entries.get(offset)
    if (small !== undefined) return small
    const entry = this.#entries.get(this.#blockOf(offset))
    return entry !== undefined && entry.pages > 1 ? entry : undefined
  }

  /** Whether a page of the block was mapped by itself: then it cannot be mapped whole. */
  hasSmallEntry(block: number): boolean {
    for (let offset = block; offset < block + this.blockPages; offset++) {
      if (this.#entries.get(offset)?.pages === 1) return true
    }
    return false
  }

  /** `dax_insert_entry`: a page stays one, and dirty if it was. */
  insertEntry(first: number, pages: number, kind: DaxEntry['kind'], dirty: boolean): void {
    const old = this.entryAt(first)
    if (old?.kind === 'page') old.dirty ||= dirty
    else this.#entries.set(first, { first, pages, kind, dirty })
  }

  /** That of the page, or of the block around it. */
  dropEntryAt(offset: number): void {
    const entry = this.entryAt(offset)
    if (entry !== undefined) this.#entries.delete(entry.first)
  }

  /** Those that reach into `[first, end)`; all if left out. */
  dropEntries(first = 0, end = Infinity): void {
    for (const [key, entry] of this.#entries) {
      if (entry.first < end && entry.first + entry.pages > first) this.#entries.delete(key)
    }
  }

  /** The first frame of the block, all of it memory or a hole, which is then filled; 0 without memory. */
  findOrCreateBlock(block: number): number {
    const found = this.find(block)
    if (found !== 0) return found
    const first = this.#frames.allocateHuge(this.blockPages, FRAME_FILE | FRAME_DAX)
    if (first === 0) return 0
    for (let i = 0; i < this.blockPages; i++) this.keep(block + i, first + i)
    this.#scattered.delete(block)
    return first
  }

  override findOrCreate(offset: number): number {
    const found = this.find(offset)
    if (found !== 0) return found
    const block = this.#blockOf(offset)
    if (this.isHole(offset)) this.#scattered.add(block)
    else if (block + this.blockPages <= this.#end && this.extentOf(block) === 'memory') {
      const first = this.findOrCreateBlock(block)
      return first === 0 ? 0 : first + (offset - block)
    }
    return super.findOrCreate(offset)
  }

  override drop(first: number, end: number): void {
    super.drop(first, end)
    this.dropEntries(first, end)
    for (let offset = first; offset < Math.min(end, this.#end); offset++) this.#holes.add(offset)
    if (end === Infinity) this.#end = Math.min(this.#end, first)
  }

  #blockOf(offset: number): number {
    return offset - (offset % this.blockPages)
  }
}
