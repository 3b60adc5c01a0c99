import { ENTRY_DMA_MAPPED, ENTRY_EXCLUSIVE, ENTRY_VALID, ENTRY_WRITE } from '@hmm-sdk/hmm-api'
import type { IommuDomain } from '../dma/iommu-domain.js'
import { IOPTE_EXCLUSIVE, IOPTE_FRAME, IOPTE_READ, IOPTE_WRITE } from '../dma/iopte.js'
import { FRAME_DIRTY } from '../mm/frame-table.js'
import type { Interval, IntervalTree } from '../mm/interval-tree.js'
import type { MemoryMap } from '../mm/memory-map.js'

/** Most pages of one window: a leaf of the IOMMU's table holds all of them. */
const CHUNK_PAGES = 512

/**
 * An IOVA window for up to 512 adjoining pages of a mirror. It stays reserved while the mirror is
 * open, so that an access to a revoked page faults and never meets somebody else's page.
 */
export class MirrorChunk implements Interval {
  readonly first: number
  readonly last: number
  /** Index in the words of the IOMMU's tables of the entry of `first`. */
  readonly at: number
  linked = 0
  /** How often each page was revoked; made at the first time. */
  revoked: Uint32Array | undefined

  constructor(
    /** First page, as an index into the mirror. */
    readonly index: number,
    readonly pages: number,
    readonly iova: number,
    at: number,
    readonly owner: MirrorDma,
  ) {
    this.first = iova
    this.last = iova + pages - 1
    this.at = at
  }
}

/** The DMA mappings of one mirror, at most one per page. */
export class MirrorDma {
  readonly #domain: IommuDomain
  /** Windows of all mirrors of the device, by DMA page. */
  readonly #windows: IntervalTree<MirrorChunk>
  readonly #chunks = new Map<number, MirrorChunk>()
  /** Place of mirror page 0 in its chunk, so that chunks lie as the CPU's page tables do. */
  readonly #shift: number
  readonly #pages: number
  /** What is mirrored, from which page on. */
  readonly mm: MemoryMap
  readonly startPage: number

  constructor(
    domain: IommuDomain,
    windows: IntervalTree<MirrorChunk>,
    mm: MemoryMap,
    startPage: number,
    pages: number,
  ) {
    this.mm = mm
    this.startPage = startPage
    this.#domain = domain
    this.#windows = windows
    this.#shift = startPage % CHUNK_PAGES
    this.#pages = pages
  }

  /** Reserves windows for the pages; the index of the first that cannot have one, or -1. */
  reserve(first: number, pages: number): number {
    let failing = -1
    this.#pieces(first, pages, (key, from) => {
      if (failing < 0 && !this.#chunks.has(key) && !this.#open(key)) failing = from - first
    })
    return failing
  }

  /**
   * Turns faulted entries into mapped ones: the frame of each moves to `frames`, the DMA page
   * comes in its place. Only the rights in `rights` (ENTRY_*) stay. Windows are reserved already.
   */
  plan(
    first: number,
    pages: number,
    entries: Uint32Array,
    frames: Uint32Array,
    rights: number,
  ): void {
    const words = this.#domain.machine.ioTables.words
    this.#pieces(first, pages, (key, from, to) => {
      const chunk = this.#chunks.get(key)!
      const dma = chunk.iova - chunk.index
      const base = chunk.at - chunk.index
      for (let page = from; page < to; page++) {
        const e = 2 * (page - first)
        let flags = entries[e + 1]! & rights
        let frame = entries[e]!
        if ((flags & ENTRY_VALID) === 0) {
          // For the CPU the page is not there, because this device has it for itself.
          const held = words[base + page]!
          if ((held & IOPTE_EXCLUSIVE) === 0) continue
          flags = ENTRY_VALID | ENTRY_WRITE | ENTRY_EXCLUSIVE
          frame = held & IOPTE_FRAME
        }
        frames[page - first] = frame
        const dmaPage = dma + page
        entries[e] = dmaPage
        entries[e + 1] = flags | ENTRY_DMA_MAPPED | (dmaPage > 0xffff_ffff ? dmaPage / 2 ** 32 : 0)
      }
    })
  }

  /**
   * Links the planned pages for the device; what each entry was before goes to `previous`. How
   * many pages were not linked before.
   */
  link(first: number, entries: Uint32Array, frames: Uint32Array, previous: Uint32Array): number {
    const words = this.#domain.machine.ioTables.words
    let fresh = 0
    this.#pieces(first, frames.length, (key, from, to) => {
      const chunk = this.#chunks.get(key)!
      const before = fresh
      const base = chunk.at - chunk.index
      for (let page = from; page < to; page++) {
        const i = page - first
        const flags = entries[2 * i + 1]!
        const old = words[base + page]!
        previous[i] = old
        if ((flags & ENTRY_VALID) === 0) continue
        // What is mapped for writing stays so when it is mapped for reading once more.
        const kept = (old & IOPTE_FRAME) === frames[i] ? flags | (old & IOPTE_WRITE) : flags
        if (kept !== flags) entries[2 * i + 1] = kept
        words[base + page] = iopteOf(kept, frames[i]!)
        if (old === 0) fresh++
      }
      chunk.linked += fresh - before
    })
    return fresh
  }

  /** Undoes `link` where nothing else has changed the entry since; how many pages are gone. */
  unlinkUndo(
    first: number,
    entries: Uint32Array,
    frames: Uint32Array,
    previous: Uint32Array,
  ): number {
    const words = this.#domain.machine.ioTables.words
    let gone = 0
    this.#pieces(first, frames.length, (key, from, to) => {
      const chunk = this.#chunks.get(key)
      if (chunk === undefined) return
      for (let page = from; page < to; page++) {
        const i = page - first
        const at = chunk.at + page - chunk.index
        const flags = entries[2 * i + 1]!
        if ((flags & ENTRY_VALID) === 0 || words[at] !== iopteOf(flags, frames[i]!)) continue
        words[at] = previous[i]!
        if (previous[i] === 0) {
          chunk.linked--
          gone++
        }
      }
    })
    return gone
  }

  /** Whether the device has the page for itself. */
  isExclusive(page: number): boolean {
    const chunk = this.#chunks.get(Math.floor((page + this.#shift) / CHUNK_PAGES))
    if (chunk === undefined) return false
    return (
      (this.#domain.machine.ioTables.words[chunk.at + page - chunk.index]! & IOPTE_EXCLUSIVE) !== 0
    )
  }

  /**
   * Unlinks the pages; those the device could write become dirty. Returns how many were linked.
   * With `revoke` the pages count as taken away from a device that may still use them.
   */
  unlink(first: number, pages: number, revoke: boolean): number {
    let gone = 0
    if (this.#chunks.size === 0) return 0
    if (pages / CHUNK_PAGES > this.#chunks.size) {
      for (const chunk of this.#chunks.values()) {
        const from = Math.max(first, chunk.index)
        const to = Math.min(first + pages, chunk.index + chunk.pages)
        if (from < to) gone += this.#unlinkChunk(chunk, from, to, revoke)
      }
      return gone
    }
    this.#pieces(first, pages, (key, from, to) => {
      const chunk = this.#chunks.get(key)
      if (chunk !== undefined) gone += this.#unlinkChunk(chunk, from, to, revoke)
    })
    return gone
  }

  /** Calls `visit` for each linked page of the mirror with its IOMMU entry. */
  forEachLinked(visit: (page: number, entry: number) => void): void {
    const words = this.#domain.machine.ioTables.words
    for (const chunk of this.#chunks.values()) {
      for (let i = 0; i < chunk.pages; i++) {
        const entry = words[chunk.at + i]!
        if (entry !== 0) visit(chunk.index + i, entry)
      }
    }
  }

  /** Unlinks everything and gives the windows back; how many pages were linked. */
  close(): number {
    let gone = 0
    for (const chunk of this.#chunks.values()) {
      gone += this.#unlinkChunk(chunk, chunk.index, chunk.index + chunk.pages, false)
      this.#windows.remove(chunk)
      this.#domain.iova.free(chunk.iova, chunk.pages)
    }
    this.#chunks.clear()
    return gone
  }

  #unlinkChunk(chunk: MirrorChunk, from: number, to: number, revoke: boolean): number {
    if (chunk.linked === 0) return 0
    const { ioTables, frames } = this.#domain.machine
    const words = ioTables.words
    const base = chunk.at - chunk.index
    let gone = 0
    for (let page = from; page < to; page++) {
      const entry = words[base + page]!
      if (entry === 0) continue
      words[base + page] = 0
      if ((entry & IOPTE_WRITE) !== 0) frames.flags[entry & IOPTE_FRAME]! |= FRAME_DIRTY
      if (revoke) (chunk.revoked ??= new Uint32Array(chunk.pages))[page - chunk.index]!++
      gone++
    }
    chunk.linked -= gone
    return gone
  }

  #open(key: number): boolean {
    const from = Math.max(0, key * CHUNK_PAGES - this.#shift)
    const to = Math.min(this.#pages, (key + 1) * CHUNK_PAGES - this.#shift)
    const pages = to - from
    const iova = this.#domain.iova.allocate(pages)
    if (iova < 0) return false
    const table = this.#domain.table
    const at = table.ensureLeaf(iova) + (iova & table.mask)
    const chunk = new MirrorChunk(from, pages, iova, at, this)
    this.#chunks.set(key, chunk)
    this.#windows.insert(chunk)
    return true
  }

  /** Calls `visit` for each chunk of the pages, with its part `[from, to)` of them. */
  #pieces(
    first: number,
    pages: number,
    visit: (key: number, from: number, to: number) => void,
  ): void {
    const end = first + pages
    for (let from = first; from < end;) {
      const key = Math.floor((from + this.#shift) / CHUNK_PAGES)
      const to = Math.min(end, (key + 1) * CHUNK_PAGES - this.#shift)
      visit(key, from, to)
      from = to
    }
  }
}

function iopteOf(flags: number, frame: number): number {
  const exclusive = (flags & ENTRY_EXCLUSIVE) !== 0 ? IOPTE_EXCLUSIVE : 0
  return (IOPTE_READ | (flags & ENTRY_WRITE ? IOPTE_WRITE : 0) | exclusive | frame) >>> 0
}
