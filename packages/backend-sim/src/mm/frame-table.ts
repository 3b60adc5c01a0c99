import { POINT_FRAME } from '../sim/failure-point.js'
import type { FailurePoints } from '../sim/failure-point.js'
import type { DevPagemap } from './dev-pagemap.js'
import { FrameColumns, NO_COLUMNS } from './frame-columns.js'
import type { HugePool } from './huge-pool.js'
import { PageData } from './page-data.js'
import { PTE_FRAME } from './pte.js'

/** Flags of a frame. */
export const FRAME_ANON = 1
/** Only one process has this anonymous page (`PageAnonExclusive`): it may write without a copy. */
export const FRAME_EXCLUSIVE = 2
export const FRAME_LOCKED = 4
export const FRAME_DIRTY = 8
/** Memory of a device (`ZONE_DEVICE`), which is not in the lists that reclaim goes through. */
export const FRAME_DEVICE = 16
/** In the page cache of a file. */
export const FRAME_FILE = 32
/** A driver's own buffer. */
export const FRAME_BUFFER = 64
/** MADV_FREE: reclaim may drop it while it is clean. */
export const FRAME_LAZY_FREE = 128
/** Several equal pages were merged into it (KSM): never written, and mapped from several AnonVmas. */
export const FRAME_KSM = 256
/** The memory itself is broken: never handed out again. */
export const FRAME_HWPOISON = 512
/** Part of a huge page of a pool (hugetlb), which is freed as a whole. */
export const FRAME_HUGETLB = 1024
/** Persistent memory of a file: not in any cache, and it stays where it is. */
export const FRAME_DAX = 4096
/** With FRAME_DEVICE: the CPU reaches it too, and maps it as any page (device-coherent). */
export const FRAME_COHERENT = 8192
/** Part of a folio of several pages: a block of memory that was not taken apart yet. */
export const FRAME_LARGE = 16384
/** Read back from swap, where others still have it: they will find it (see {@link Swap}). */
export const FRAME_SWAPCACHE = 2048

/** What device memory is, whether a page is in it or not. */
export const DEVICE_FLAGS = FRAME_DEVICE | FRAME_COHERENT

/** What a page keeps when it moves to another frame. */
export const MOVING_FLAGS = FRAME_ANON | FRAME_EXCLUSIVE | FRAME_DIRTY | FRAME_LAZY_FREE | FRAME_KSM

/** Whether the flags are those of device memory that the CPU cannot reach (device-private). */
export function isDevicePrivate(flags: number): boolean {
  return (flags & DEVICE_FLAGS) === FRAME_DEVICE
}

/** The frame that every untouched anonymous page shows when it is read. */
export const ZERO_FRAME = 1

/** Flags of a free frame of that memory. */
export function deviceFlags({ kind }: { readonly kind: DevPagemap['kind'] }): number {
  return kind === 'coherent' ? DEVICE_FLAGS : FRAME_DEVICE
}

const NO_POOLS: readonly HugePool[] = []

/** Frames from which on space is dearer than time. */
const MANY_FRAMES = 2 ** 16

/**
 * Physical memory: `struct page` as columns of typed arrays (18 bytes a frame), and the bytes.
 *
 * Frames are handed out from a stack of freed ones, then from the end of what was never used; so
 * all work and memory is for frames that were touched.
 */
export class FrameTable {
  readonly data: PageData
  refs!: FrameColumns['refs']
  maps!: FrameColumns['maps']
  flags!: FrameColumns['flags']
  slots!: FrameColumns['slots']
  mapping!: FrameColumns['mapping']
  index!: FrameColumns['index']
  #columns!: FrameColumns
  #limit: number
  readonly #failures: FailurePoints
  readonly #pagemaps: DevPagemap[] = []
  /** Free runs by their length, kept together so that buffers do not wear the numbers out. */
  readonly #freeRuns = new Map<number, number[]>()
  /** Told the mapping of a merged page when the page is freed. */
  ksmFreed: (mapping: number) => void = () => {}
  /** Told of frames of their huge pages whose last reference is gone. */
  hugePools: readonly Pick<HugePool, 'freed'>[] = NO_POOLS
  /** Free blocks of huge pages, kept together for the same reason. */
  readonly #freeBlocks: number[] = []
  #hugeZero = 0
  #next = ZERO_FRAME + 1
  #free = 0
  #used = 0

  constructor(options: { pageSize: number; frames: number; failures: FailurePoints }) {
    this.data = new PageData(options.pageSize)
    this.#limit = options.frames
    this.#failures = options.failures
    this.#setColumns(FrameColumns.first())
    this.refs[ZERO_FRAME] = 1
  }

  /** System frames in use, the zero page left out. */
  get used(): number {
    return this.#used
  }

  /** A frame with one reference and no contents, or 0 if there is no memory. */
  allocate(flags: number): number {
    if (this.#failures.fails(POINT_FRAME) || this.#used >= this.#limit) return 0
    let frame = this.#free
    if (frame !== 0) this.#free = this.index[frame]!
    else {
      frame = this.#next
      if (frame >= this.refs.length) this.#grow(frame + 1)
      this.#next = frame + 1
    }
    this.#used++
    this.refs[frame] = 1
    this.flags[frame] = flags
    return frame
  }

  /** The first of `frames` adjoining frames with one reference each, or 0. */
  allocateRun(frames: number, flags: number): number {
    if (this.#failures.fails(POINT_FRAME) || this.#used + frames > this.#limit) return 0
    if (frames === 1 && this.#free !== 0) {
      const frame = this.#free
      this.#free = this.index[frame]!
      this.#used++
      this.refs[frame] = 1
      this.flags[frame] = flags
      return frame
    }
    const first = this.#freeRuns.get(frames)?.pop() ?? this.reserve(frames)
    this.refs.fill(1, first, first + frames)
    this.flags.fill(flags, first, first + frames)
    this.#used += frames
    return first
  }

  /**
   * The first of `frames` adjoining frames, aligned to their number (a power of two), with one
   * reference each; 0 if there is no memory.
   */
  allocateHuge(frames: number, flags: number): number {
    if (this.#failures.fails(POINT_FRAME) || this.#used + frames > this.#limit) return 0
    const first = this.#freeBlocks.pop() ?? this.reserveBlock(frames)
    if (first === 0) return 0
    this.refs.fill(1, first, first + frames)
    this.flags.fill(flags, first, first + frames)
    this.#used += frames
    return first
  }

  /** Takes back a block from `allocateHuge`, whose frames have no other reference. */
  freeHuge(first: number, frames: number): void {
    for (let frame = first; frame < first + frames; frame++) {
      if (this.slots[frame] !== 0) this.data.release(this.slots[frame]!)
    }
    const end = first + frames
    for (const column of [this.slots, this.refs, this.flags, this.maps, this.mapping]) {
      column.fill(0, first, end)
    }
    this.#used -= frames
    this.#freeBlocks.push(first)
  }

  /** The first frame of the huge zero page, 0 if there is no room for it. */
  hugeZero(frames: number): number {
    if (this.#hugeZero === 0) {
      this.#hugeZero = this.reserveBlock(frames)
      if (this.#hugeZero !== 0) this.refs.fill(1, this.#hugeZero, this.#hugeZero + frames)
    }
    return this.#hugeZero
  }

  /** Takes back a run from `allocateRun`, whose frames have no other reference. */
  freeRun(first: number, frames: number): void {
    if (frames === 1) {
      this.put(first)
      return
    }
    for (let frame = first; frame < first + frames; frame++) {
      this.data.release(this.slots[frame]!)
      this.slots[frame] = 0
      this.refs[frame] = 0
      this.flags[frame] = 0
    }
    this.#used -= frames
    const runs = this.#freeRuns.get(frames)
    if (runs === undefined) this.#freeRuns.set(frames, [first])
    else runs.push(first)
  }

  /** Numbers of `frames` adjoining frames for device memory, which `addPagemap` then manages. */
  reserve(frames: number): number {
    const first = this.#next
    if (first + frames > this.refs.length) this.#grow(first + frames)
    this.#next = first + frames
    return first
  }

  /** The same, the first number a multiple of `align`; the numbers before it are used for pages. */
  reserveAligned(frames: number, align: number): number {
    const first = Math.ceil(this.#next / align) * align
    const gap = this.#next
    this.reserve(first + frames - gap)
    for (let frame = gap; frame < first; frame++) {
      this.index[frame] = this.#free
      this.#free = frame
    }
    return first
  }

  addPagemap(pagemap: DevPagemap): void {
    this.#pagemaps.push(pagemap)
    const end = pagemap.firstFrame + pagemap.frames
    this.flags.fill(deviceFlags(pagemap), pagemap.firstFrame, end)
  }

  /** Forgets device memory whose frames are all free. Their numbers are not used again. */
  removePagemap(pagemap: DevPagemap): void {
    const index = this.#pagemaps.indexOf(pagemap)
    if (index >= 0) this.#pagemaps.splice(index, 1)
  }

  /** The device memory that `frame`, a device frame, belongs to. */
  pagemapOf(frame: number): DevPagemap {
    for (const pagemap of this.#pagemaps) {
      if (frame >= pagemap.firstFrame && frame < pagemap.firstFrame + pagemap.frames) return pagemap
    }
    throw new Error(`frame ${frame} belongs to no device memory`)
  }

  /** The device-coherent memory of `owner`, if it has any. */
  coherentOf(owner: object | undefined): DevPagemap | undefined {
    return this.#pagemaps.find((each) => each.kind === 'coherent' && each.owner === owner)
  }

  get(frame: number): void {
    this.refs[frame]!++
  }

  /** Drops a reference; the last frees the frame. The zero page is never freed. */
  put(frame: number): void {
    if (frame === ZERO_FRAME) return
    const refs = this.refs[frame]! - 1
    if (refs < 0) throw new Error(`frame ${frame} was freed twice`)
    this.refs[frame] = refs
    if (refs > 0) return
    this.#clear(frame)
  }

  /** Bytes of `frame`; undefined if they are all zero. */
  view(frame: number): Uint8Array | undefined {
    return this.data.view(this.slots[frame]!)
  }

  /** Bytes of `frame`, to be written. */
  writable(frame: number): Uint8Array {
    let slot = this.slots[frame]!
    if (slot === 0) {
      slot = this.data.allocate()
      this.slots[frame] = slot
    }
    return this.data.view(slot)!
  }

  /** Gives `to`, which has no contents, those of `from`. */
  copy(from: number, to: number): void {
    this.data.release(this.slots[to]!)
    this.slots[to] = this.data.duplicate(this.slots[from]!)
  }

  /** The page in `from` is now in `to`, with those of its flags that are in `flags`. */
  moveIdentity(from: number, to: number, flags: number): void {
    this.flags[to]! |= this.flags[from]! & flags
    this.mapping[to] = this.mapping[from]!
    this.index[to] = this.index[from]!
    this.flags[from]! &= ~FRAME_KSM
  }

  read(frame: number, offset: number, into: Uint8Array, at: number, length: number): void {
    const bytes = this.view(frame)
    if (bytes === undefined) into.fill(0, at, at + length)
    else into.set(bytes.subarray(offset, offset + length), at)
  }

  write(frame: number, offset: number, bytes: Uint8Array): void {
    this.writable(frame).set(bytes, offset)
  }

  /** Counts frames that a pool hands out (or takes back, if negative) as used; it has its own limit. */
  account(frames: number): void {
    this.#used += frames
    this.#limit += frames
  }

  /** Numbers of `frames` adjoining frames, aligned to their number; 0 if there are none left. */
  reserveBlock(frames: number): number {
    // Numbers of split blocks are not put together again: small pages will do when they run out.
    if (this.#next + 3 * frames > PTE_FRAME) return 0
    return this.reserveAligned(frames, frames)
  }

  #clear(frame: number): void {
    const flags = this.flags[frame]!
    const slot = this.slots[frame]!
    if (slot !== 0) {
      this.data.release(slot)
      this.slots[frame] = 0
    }
    if ((flags & FRAME_KSM) !== 0) this.ksmFreed(this.mapping[frame]!)
    this.mapping[frame] = 0
    if ((flags & FRAME_HUGETLB) !== 0) {
      for (const pool of this.hugePools) if (pool.freed(frame)) return
      return
    }
    if ((flags & FRAME_DEVICE) !== 0) {
      this.flags[frame] = flags & DEVICE_FLAGS
      this.pagemapOf(frame).frameFreed(frame)
      return
    }
    this.#used--
    if ((flags & FRAME_HWPOISON) !== 0) return
    this.flags[frame] = 0
    this.index[frame] = this.#free
    this.#free = frame
  }

  #grow(needed: number): void {
    if (needed > PTE_FRAME) throw new RangeError(`more than ${PTE_FRAME} page frames`)
    // An eighth more than is needed, of many a sixteenth: doubling would waste half of what a page
    // costs, and with an eighth to spare it costs more than 24 bytes.
    const { length } = this.refs
    const spare = length >>> (length < MANY_FRAMES ? 3 : 4)
    const capacity = Math.max(needed, length + spare + 512)
    const { refs, maps, flags, slots, mapping, index } = this
    this.#setColumns(new FrameColumns(capacity))
    this.refs.set(refs)
    this.maps.set(maps)
    this.flags.set(flags)
    this.slots.set(slots)
    this.mapping.set(mapping)
    this.index.set(index)
  }

  /** Gives its memory to the next simulation, if all frames were freed. It must not be used again. */
  retire(): void {
    if (this.#used > 0) return
    this.data.retire()
    this.#columns.retire()
    this.#setColumns(NO_COLUMNS)
  }

  #setColumns(columns: FrameColumns): void {
    this.#columns = columns
    this.refs = columns.refs
    this.maps = columns.maps
    this.flags = columns.flags
    this.slots = columns.slots
    this.mapping = columns.mapping
    this.index = columns.index
  }
}
