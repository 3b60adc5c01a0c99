import { POINT_FAULT } from '../sim/failure-point.js'
import {
  ENTRY_DEVICE,
  ENTRY_DMA_MAPPED,
  ENTRY_ORDER_SHIFT,
  ENTRY_ERROR,
  ENTRY_PEER,
  ENTRY_PEER_BUS,
  ENTRY_REQ_FAULT,
  ENTRY_VALID,
  HmmError,
} from '@hmm-sdk/hmm-api'
import {
  FAULT_DEVICE,
  FAULT_DONE,
  FAULT_OOM,
  FAULT_USERFAULT,
  FAULT_EVENT,
  FAULT_WAIT,
} from '../mm/fault-code.js'
import { fillAnonymous } from '../mm/fill-anonymous.js'
import { FRAME_DIRTY } from '../mm/frame-table.js'
import { handleMmFault } from '../mm/handle-mm-fault.js'
import { hugetlbBlock, hugetlbFile } from '../mm/hugetlb.js'
import type { MemoryMap } from '../mm/memory-map.js'
import {
  isUserfaultMarker,
  PTE_DEVICE_PRIVATE,
  PTE_FRAME,
  PTE_HWPOISON,
  PTE_KIND,
  PTE_MARKER,
  PTE_NORMAL,
  PTE_NORMAL_MASK,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_SWAP,
  PTE_WRITE,
} from '../mm/pte.js'
import type { RadixTable } from '../mm/radix-table.js'
import { resolveFault } from '../mm/resolve-fault.js'
import { waitUserfault } from '../mm/userfaultfd.js'
import { VM_BARE, VM_HUGETLB, VM_IO, VM_PFNMAP, VM_READ, VM_WRITE, type Vma } from '../mm/vma.js'
import type { IntervalNotifier } from '../mmu-notifier/interval-notifier.js'
import type { Deadline } from '../sim/deadline.js'
import type { Operation } from '../sim/operation.js'
import { markCoherent } from './mark-coherent.js'
import { NEED_NOTHING, NEED_WRITE, needFault } from './need-fault.js'

/** Flags that every store keeps (`HMM_PFN_INOUT_FLAGS`). */
const STICKY = ENTRY_DMA_MAPPED | ENTRY_PEER | ENTRY_PEER_BUS

/** Not a page, and not an integer either: page numbers outgrow small integers, and a field that
 * changes from one to the other makes the engine compile the walk again. */
const NOWHERE = -0.5

/** `struct hmm_range`: `entries[i]` is page `start + i`. */
export interface RangeRequest {
  readonly start: number
  readonly end: number
  readonly entries: Uint32Array
  readonly defaultFlags: number
  readonly mask: number
  /** Whatever is in the entries does not count. */
  readonly fresh?: boolean
  /** Whose device-private pages are reported, not faulted (`dev_private_owner`). */
  readonly owner: object | undefined
}

/**
 * `hmm_range_fault`, with mmap_lock held: fills the entries by the table of kernel-hmm-dma.md 1.4.
 * False if `notifier` was invalidated since `sequence` (EBUSY), or if a userfaultfd was waited for, with
 * mmap_lock dropped meanwhile, which is progress (`hmm_range_fault_unlocked_timeout`; without
 * `deadline` such a page is EFAULT). Fails with the index of the page.
 * What lies before page `from` is left out.
 */
export function* rangeFault(
  mm: MemoryMap,
  notifier: IntervalNotifier,
  sequence: number,
  request: RangeRequest,
  deadline: Deadline | undefined,
  from = request.start,
): Operation<boolean> {
  const { scheduler, costs } = mm.machine
  const walk = new RangeWalk(mm, request)
  let at = from
  while (at < request.end) {
    if (notifier.readRetry(sequence)) return false
    if (scheduler.stopsAt('page-table', mm, false)) yield scheduler.stop
    at = walk.step(at)
    if (walk.faultEnd <= walk.faultFrom) continue
    scheduler.charge(costs.fault * (walk.faultEnd - walk.faultFrom))
    if (!(yield* faultSpan(mm, walk, request.start, deadline))) return false
    at = walk.faultFrom
    walk.faultEnd = NOWHERE
    walk.faultFrom = NOWHERE
  }
  const { start, end, entries } = request
  const range = { from: from - start, to: end - start }
  markCoherent(mm.machine, request.owner, entries, range, (index) => entries[2 * index]!)
  return true
}

/**
 * Faults the recorded span page by page, each with what its first page needed (`hmm_do_fault`). False
 * if mmap_lock was dropped.
 */
function* faultSpan(
  mm: MemoryMap,
  walk: RangeWalk,
  start: number,
  deadline: Deadline | undefined,
): Operation<boolean> {
  const vma = walk.vma!
  const blamed = (page: number): number => walk.blamed(page) - start
  const write = walk.faultWrite
  if (write && (vma.flags & VM_WRITE) === 0) {
    throw pageError('EPERM', blamed(walk.faultFrom), 'write access to read-only memory')
  }
  const count = walk.faultEnd - walk.faultFrom
  const failing = mm.machine.failures.firstFailure(POINT_FAULT, count)
  for (let page = walk.faultFrom; page < walk.faultEnd; page++) {
    if (write && failing < 0) {
      page = fillAnonymous(mm, vma, page, walk.faultEnd)
      if (page < 0) throw pageError('ENOMEM', blamed(-1 - page), 'no memory for the page')
      if (page === walk.faultEnd) break
    }
    const dirties = deadline !== undefined && write && walk.choosy && dirtiesFile(mm, vma, page)
    let code = handleMmFault(mm, vma, page, write)
    if (code === FAULT_WAIT || code === FAULT_DEVICE || code === FAULT_EVENT) {
      // All leave the page for the next walk to look at again.
      code = yield* resolveFault(mm, vma, page, write)
    }
    if (code === FAULT_OOM || page - walk.faultFrom === failing) {
      throw pageError('ENOMEM', blamed(page), 'no memory for the page')
    }
    if (code === FAULT_USERFAULT && deadline !== undefined) {
      yield* waitUserfault(mm, vma, page, write, deadline)
      return false
    }
    if (code !== FAULT_DONE) throw pageError('EFAULT', blamed(page), 'no memory behind the page')
    // mmap_lock is dropped for writeback's sake (`fault_dirty_shared_page`): the walk begins again.
    if (dirties) return true
  }
  return true
}

/** Whether a write fault at `page` makes a clean page of a file dirty. */
function dirtiesFile(mm: MemoryMap, vma: Vma, page: number): boolean {
  if (!vma.shared || vma.file === undefined || (vma.flags & VM_HUGETLB) !== 0) return false
  if (vma.file.dax) return false
  if ((mm.tables.get(page) & (PTE_PRESENT | PTE_WRITE)) === (PTE_PRESENT | PTE_WRITE)) return false
  const frame = vma.file.find(vma.offsetOf(page))
  return frame === 0 || (mm.machine.frames.flags[frame]! & FRAME_DIRTY) === 0
}

function pageError(code: 'EPERM' | 'EFAULT' | 'ENOMEM', page: number, message: string): HmmError {
  const where = Number.isFinite(page) ? { page } : {}
  return new HmmError(code, { ...where, message, retryable: code === 'ENOMEM' })
}

/** Level of the table that has the entries of huge pages of that size. */
function tableLevel(tables: RadixTable, pages: number): number {
  if (pages >= tables.pudPages) return 2
  return pages >= tables.leafPages ? 1 : 0
}

/** One walk over the page tables; stops where a fault is needed. */
class RangeWalk {
  vma: Vma | undefined
  /** The span that needs a fault, empty if none was recorded. */
  faultFrom = NOWHERE
  faultEnd = NOWHERE
  faultWrite = false
  readonly #mm: MemoryMap
  // Copies, so that the request's shape (literals of several callers) stays out of the loops; flags
  // as signed 32-bit numbers, which are small integers and the request's unsigned ones are not.
  readonly #start: number
  readonly #end: number
  readonly #entries: Uint32Array
  readonly #defaultFlags: number
  readonly #mask: number
  readonly #owner: object | undefined
  /** Flags of the entries that stay: none where nothing was in them. */
  readonly #sticky: number
  /** Whether any entry can ask for a fault at all. */
  readonly #mayFault: boolean

  constructor(mm: MemoryMap, request: RangeRequest) {
    this.#mm = mm
    this.#start = request.start
    this.#end = request.end
    this.#entries = request.entries
    this.#defaultFlags = request.defaultFlags | 0
    this.#mask = request.mask | 0
    this.#owner = request.owner
    this.#sticky = request.fresh === true ? 0 : STICKY | 0
    this.#mayFault = ((request.defaultFlags | request.mask) & ENTRY_REQ_FAULT) !== 0
  }

  /** Walks one chunk from `at`: the page after it, or where a fault was recorded. */
  step(at: number): number {
    const end = this.#end
    if (this.vma === undefined || at >= this.vma.end || at < this.vma.start) {
      this.vma = this.#mm.vmas.next(at)
    }
    const vma = this.vma
    if (vma === undefined || vma.start > at) {
      this.vma = undefined
      const stop = Math.min(end, vma?.start ?? end)
      return this.#bad(at, stop, 'is not mapped by the process')
    }
    // What has no struct page is looked at page by page.
    const bare = (vma.flags & VM_BARE) !== 0
    const stop = Math.min(end, bare ? at + 1 : vma.end)
    if ((vma.flags & (VM_IO | VM_PFNMAP)) !== 0 || (vma.flags & VM_READ) === 0) {
      return this.#bad(at, stop, 'is not readable')
    }
    const { tables } = this.#mm
    if (bare && (tables.get(at) & PTE_PRESENT) !== 0) {
      return this.#bad(at, stop, 'has no struct page')
    }
    if ((vma.flags & VM_HUGETLB) !== 0) return this.#hugetlb(vma, at, stop)
    const leaf = tables.leaf(at)
    if (leaf === 0) return this.#hole(at, Math.min(stop, tables.holeEnd(at)))
    const offset = at & tables.mask
    const to = Math.min(stop, at - offset + tables.mask + 1)
    if (tables.isHuge(at)) return this.#huge(at, to, tables.arena.words[leaf + offset]!)
    return this.#leaf(at, to, leaf + offset)
  }

  /** No mapping, or one that a device may not see (`hmm_vma_walk_test`). */
  #bad(from: number, to: number, why: string): number {
    const asking = this.#firstNeed(from, to)
    if (asking >= 0) throw pageError('EFAULT', asking - this.#start, `the page ${why}`)
    this.#fill(from, to, ENTRY_ERROR)
    return to
  }

  /** No page table: the requests of all pages count together (`hmm_vma_walk_hole`). */
  #hole(from: number, to: number): number {
    if (this.#firstNeed(from, to) >= 0) {
      this.#record(from, to, this.#anyWrite(from, to))
      return from
    }
    this.#fill(from, to, 0)
    return to
  }

  /** One mapping of a whole leaf: the requests of all pages count together (`hmm_vma_handle_pmd`). */
  #huge(from: number, to: number, pte: number): number {
    if ((pte & PTE_PRESENT) === 0) return this.#absentHuge(from, to, pte)
    const present = (pte & PTE_PROTNONE) === 0
    const rights = present ? pte & (PTE_PRESENT | PTE_WRITE) : 0
    if (this.#mayFault) {
      const need = this.#blockNeed(from, to, rights)
      if (need !== NEED_NOTHING) return this.#record(from, to, need === NEED_WRITE)
    }
    const flags = present ? rights | (this.#mm.tables.order << ENTRY_ORDER_SHIFT) : 0
    this.#store(from, to, pte & PTE_FRAME, flags)
    return to
  }

  /** Adjoining frames with equal flags. */
  #store(from: number, to: number, firstFrame: number, flags: number): void {
    const entries = this.#entries
    // Small integers: differences of page numbers, which are not, would stay doubles, and an overflow
    // that cannot be would be looked for at every page.
    const first = (2 * (from - this.#start)) | 0
    const last = (2 * (to - this.#start)) | 0
    const sticky = this.#sticky
    const word = flags | 0
    let frame = firstFrame | 0
    if (sticky === 0) {
      for (let e = first; e < last; e = (e + 2) | 0) {
        entries[e] = frame
        entries[e + 1] = word
        frame = (frame + 1) | 0
      }
      return
    }
    for (let e = first; e < last; e = (e + 2) | 0) {
      entries[e] = frame
      entries[e + 1] = word | (entries[e + 1]! & sticky)
      frame = (frame + 1) | 0
    }
  }

  /** A block in a device's memory, or on its way there or back (`hmm_vma_handle_absent_pmd`). */
  #absentHuge(from: number, to: number, pte: number): number {
    const { machine, tables } = this.#mm
    const frame = pte & PTE_FRAME
    const device = (pte & PTE_KIND) === PTE_DEVICE_PRIVATE
    const owner = this.#owner
    if (device && owner !== undefined && machine.frames.pagemapOf(frame).owner === owner) {
      const order = tables.order << ENTRY_ORDER_SHIFT
      this.#store(from, to, frame, ENTRY_VALID | ENTRY_DEVICE | (pte & PTE_WRITE) | order)
      return to
    }
    const need = this.#mayFault ? this.#blockNeed(from, to, 0) : NEED_NOTHING
    if (need !== NEED_NOTHING) return this.#record(from, to, need === NEED_WRITE)
    // A foreign block is an error, where a foreign page is nothing.
    this.#fill(from, to, device ? ENTRY_ERROR : 0)
    return to
  }

  /**
   * A huge page of a pool: of the requests only the first page's counts (`hmm_vma_walk_hugetlb_entry`),
   * but where there is not even a table for it.
   */
  #hugetlb(vma: Vma, from: number, stop: number): number {
    const { tables } = this.#mm
    const { pool } = hugetlbFile(vma)
    const block = hugetlbBlock(vma, from)
    const to = Math.min(stop, block + pool.pages)
    if (!tables.hasTable(from, tableLevel(tables, pool.pages))) return this.#hole(from, to)
    const pte = tables.get(from)
    const rights = pte & (PTE_PRESENT | PTE_WRITE)
    if (this.#mayFault) {
      const requested = this.#entries[2 * (from - this.#start) + 1]!
      const need = needFault(requested, rights, this.#defaultFlags, this.#mask)
      if (need !== NEED_NOTHING) return this.#record(from, to, need === NEED_WRITE)
    }
    if (pte === 0) this.#fill(from, to, 0)
    else this.#store(from, to, pte & PTE_FRAME, rights | (pool.order << ENTRY_ORDER_SHIFT))
    return to
  }

  /** What all requests for `[from, to)` together need. */
  #blockNeed(from: number, to: number, rights: number): number {
    let most = NEED_NOTHING
    for (let page = from; page < to && most !== NEED_WRITE; page++) {
      const requested = this.#entries[2 * (page - this.#start) + 1]!
      most = Math.max(most, needFault(requested, rights, this.#defaultFlags, this.#mask))
      if (this.#mask === 0) break
    }
    return most
  }

  #leaf(from: number, to: number, at: number): number {
    const entries = this.#entries
    const start = this.#start
    const defaultFlags = this.#defaultFlags
    const mask = this.#mask
    const words = this.#mm.tables.arena.words
    let e = (2 * (from - start) + 1) | 0
    const count = (to - from) | 0
    if (!this.#mayFault) {
      // Locals: what this loop does for a page is the cost of a snapshot.
      // The zero page is as good as any other here, and what is swapped out as nothing.
      const normalMask = PTE_PRESENT | PTE_PROTNONE | 0
      const normal = PTE_NORMAL
      const absentMask = PTE_PRESENT | PTE_KIND | 0
      const rights = PTE_PRESENT | PTE_WRITE | 0
      const sticky = this.#sticky
      const frame = PTE_FRAME
      for (let i = 0; i < count; i++, e += 2) {
        const pte = words[at + i]! | 0
        if ((pte & normalMask) === normal) {
          entries[e - 1] = pte & frame
          entries[e] = (pte & rights) | (entries[e]! & sticky)
        } else if (pte === 0 || (pte & absentMask) === PTE_SWAP) {
          entries[e - 1] = 0
          entries[e] = entries[e]! & sticky
        } else this.#unusual(pte, from + i, to, e)
      }
      return to
    }
    for (let i = 0; i < count; i++, e += 2) {
      const pte = words[at + i]!
      if ((pte & PTE_NORMAL_MASK) === PTE_NORMAL) {
        const need = needFault(entries[e]!, pte, defaultFlags, mask)
        if (need !== NEED_NOTHING) return this.#record(from + i, to, need === NEED_WRITE)
        entries[e - 1] = pte & PTE_FRAME
        entries[e] = (pte & (PTE_PRESENT | PTE_WRITE)) | (entries[e]! & this.#sticky)
      } else if (this.#unusual(pte, from + i, to, e)) return from + i
    }
    return to
  }

  /** An entry that is not ordinary; true if it needs a fault, which is then recorded. */
  #unusual(pte: number, page: number, to: number, e: number): boolean {
    const entries = this.#entries
    const defaultFlags = this.#defaultFlags
    const mask = this.#mask
    const owner = this.#owner
    const requested = entries[e]!
    if ((pte & PTE_PRESENT) !== 0) {
      // The zero page, which nobody may write, or a NUMA hint, which counts as not there.
      const flags = (pte & PTE_PROTNONE) !== 0 ? 0 : pte & (PTE_PRESENT | PTE_WRITE)
      const need = this.#mayFault ? needFault(requested, flags, defaultFlags, mask) : NEED_NOTHING
      if (need !== NEED_NOTHING) {
        this.#record(page, to, need === NEED_WRITE)
        return true
      }
      entries[e - 1] = pte & PTE_FRAME
      entries[e] = flags | (requested & this.#sticky)
      return false
    }
    const kind = pte & PTE_KIND
    if (pte !== 0 && kind === PTE_DEVICE_PRIVATE) {
      const frame = pte & PTE_FRAME
      if (owner !== undefined && this.#mm.machine.frames.pagemapOf(frame).owner === owner) {
        // Never migrated here, not even for a write that the entry does not grant.
        entries[e - 1] = frame
        entries[e] = ENTRY_VALID | (pte & PTE_WRITE) | ENTRY_DEVICE | (requested & this.#sticky)
        return false
      }
    }
    const need = this.#mayFault ? needFault(requested, 0, defaultFlags, mask) : NEED_NOTHING
    if (need === NEED_NOTHING) {
      entries[e - 1] = 0
      entries[e] = requested & this.#sticky
      return false
    }
    if (pte !== 0 && (kind === PTE_HWPOISON || (kind === PTE_MARKER && !isUserfaultMarker(pte)))) {
      throw pageError('EFAULT', page - this.#start, 'the page is poisoned or guarded')
    }
    this.#record(page, to, need === NEED_WRITE)
    return true
  }

  #record(from: number, to: number, write: boolean): number {
    this.faultFrom = from
    this.faultEnd = to
    this.faultWrite = write
    return from
  }

  /** The first page of `[from, to)` that asks for a fault if nothing is there, or -1. */
  #firstNeed(from: number, to: number): number {
    if (!this.#mayFault) return -1
    const entries = this.#entries
    const start = this.#start
    const defaultFlags = this.#defaultFlags
    const mask = this.#mask
    if ((defaultFlags & ENTRY_REQ_FAULT) !== 0) return from
    for (let page = from; page < to; page++) {
      const requested = entries[2 * (page - start) + 1]!
      if (needFault(requested, 0, defaultFlags, mask) !== NEED_NOTHING) return page
    }
    return -1
  }

  /** Whether each page says for itself what is asked. */
  get choosy(): boolean {
    return this.#mask !== 0
  }

  /**
   * Which page to blame when faulting `page` fails. It may be one that nobody asked for, or that is there
   * while another one of its huge page is to be written: then the next one that lacks what was asked for;
   * NaN without any.
   */
  blamed(page: number): number {
    const flags = this.#defaultFlags
    for (; page < this.#end; page++) {
      const requested = this.#entries[2 * (page - this.#start) + 1]!
      const need = needFault(requested, this.#rightsAt(page), flags, this.#mask)
      if (need !== NEED_NOTHING) return page
    }
    return NaN
  }

  #rightsAt(page: number): number {
    const pte = this.#mm.tables.get(page)
    if ((pte & PTE_PRESENT) !== 0) {
      return (pte & PTE_PROTNONE) === 0 ? pte & (PTE_PRESENT | PTE_WRITE) : 0
    }
    const { frames } = this.#mm.machine
    const isDevice = pte !== 0 && (pte & PTE_KIND) === PTE_DEVICE_PRIVATE
    const isOwn = isDevice && frames.pagemapOf(pte & PTE_FRAME).owner === this.#owner
    return isOwn ? PTE_PRESENT | PTE_WRITE : 0
  }

  #anyWrite(from: number, to: number): boolean {
    const entries = this.#entries
    const start = this.#start
    const defaultFlags = this.#defaultFlags
    const mask = this.#mask
    for (let page = from; page < to; page++) {
      const requested = entries[2 * (page - start) + 1]!
      if (needFault(requested, 0, defaultFlags, mask) === NEED_WRITE) return true
    }
    return false
  }

  #fill(from: number, to: number, flags: number): void {
    const entries = this.#entries
    const start = this.#start
    for (let e = 2 * (from - start) + 1; e < 2 * (to - start); e += 2) {
      entries[e - 1] = 0
      entries[e] = flags | (entries[e]! & this.#sticky)
    }
  }
}
