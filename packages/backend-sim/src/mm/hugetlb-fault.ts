import { HmmError } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import { anonPrepare } from './anon-prepare.js'
import { alreadyThere } from './already-there.js'
import { FAULT_DONE, FAULT_EVENT, FAULT_SIGBUS, FAULT_USERFAULT } from './fault-code.js'
import { FRAME_ANON, FRAME_EXCLUSIVE } from './frame-table.js'
import { tooFew } from './hugetlb-file.js'
import { hugetlbBlock, hugetlbFile, zapHugetlb } from './hugetlb.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_DIRTY, PTE_FRAME, PTE_PRESENT, PTE_UFFD_WP, PTE_WRITE, PTE_YOUNG } from './pte.js'
import { servesWrites } from './userfaultfd.js'
import { VM_UFFD_MISSING, VM_UFFD_WP, VM_WRITE, type Vma } from './vma.js'

/** `hugetlb_fault`: one fault of huge memory, for the whole huge page. A `FAULT_*` code. */
export function hugetlbFault(mm: MemoryMap, vma: Vma, page: number, write: boolean): number {
  const block = hugetlbBlock(vma, page)
  mm.tables.ensureLeaf(block)
  const pte = mm.tables.get(block)
  if ((pte & PTE_PRESENT) === 0) return noPage(mm, vma, block, write)
  if (write && (pte & PTE_WRITE) === 0 && (pte & PTE_UFFD_WP) !== 0) {
    if (servesWrites(vma)) return FAULT_USERFAULT
  }
  if (write && (pte & PTE_WRITE) === 0) return writeFault(mm, vma, block, pte)
  return FAULT_DONE
}

/** `hugetlb_no_page`. No event, but of the copy that a private write to a page of a file needs. */
function noPage(mm: MemoryMap, vma: Vma, block: number, write: boolean): number {
  // The owner of the memory took it back when it had none left for itself.
  if (vma.hugetlbLost) return FAULT_SIGBUS
  const file = hugetlbFile(vma)
  const { pool } = file
  const offset = vma.offsetOf(block)
  const cached = file.find(offset)
  if (cached === 0 && offset >= file.pages) return FAULT_SIGBUS
  if (cached === 0 && (vma.flags & VM_UFFD_MISSING) !== 0) return FAULT_USERFAULT
  const guarded = (vma.flags & VM_UFFD_WP) !== 0 ? mm.tables.get(block) & PTE_UFFD_WP : 0
  if (cached === 0 && !vma.shared) {
    anonPrepare(vma)
    const first = takePrivate(vma, offset, false)
    if (first === 0) return FAULT_SIGBUS
    mapAnonymous(mm, vma, block, first)
    setBlock(mm, vma, block, PTE_PRESENT | PTE_YOUNG | guarded | first)
    if (write && guarded === 0) makeWritable(mm, vma, block)
    return FAULT_DONE
  }
  const first = file.findOrCreate(offset)
  if (first === 0) return FAULT_SIGBUS
  pool.get(first)
  pool.map(first, 1)
  const writable = vma.shared && (vma.flags & VM_WRITE) !== 0
  const rights = guarded !== 0 ? guarded : writable ? PTE_WRITE | PTE_DIRTY : 0
  setBlock(mm, vma, block, PTE_PRESENT | PTE_YOUNG | rights | first)
  const copy = write && !vma.shared && guarded === 0
  return copy ? writeFault(mm, vma, block, mm.tables.get(block)) : FAULT_DONE
}

/** `hugetlb_wp`: a CLEAR event of the huge page if it has to be copied. */
function writeFault(mm: MemoryMap, vma: Vma, block: number, pte: number): number {
  const { frames } = mm.machine
  const { pool } = hugetlbFile(vma)
  const old = pte & PTE_FRAME
  const anonymous = (frames.flags[old]! & FRAME_ANON) !== 0
  if (vma.shared) {
    makeWritable(mm, vma, block)
    return FAULT_DONE
  }
  if (anonymous && frames.maps[old] === 1) return reuse(mm, vma, block, old)
  if (mm.machine.scheduler.explorer !== undefined) return FAULT_EVENT
  anonPrepare(vma)
  const offset = vma.offsetOf(block)
  // What the owner shares since a fork was promised once, and used up.
  const owner = vma.hugetlbReserve !== undefined && anonymous
  const first = takePrivate(vma, offset, owner)
  if (first === 0) {
    if (!owner) return FAULT_SIGBUS
    takeFromOthers(vma, offset, old)
    return frames.maps[old] === 1 ? reuse(mm, vma, block, old) : FAULT_SIGBUS
  }
  for (let i = 0; i < pool.pages; i++) frames.copy(old + i, first + i)
  mm.invalidateStart('clear', block, block + pool.pages)
  mapAnonymous(mm, vma, block, first)
  setBlock(mm, vma, block, PTE_PRESENT | PTE_YOUNG | first)
  makeWritable(mm, vma, block)
  pool.map(old, -1)
  pool.put(old)
  mm.invalidateEnd()
  return FAULT_DONE
}

/** The same copy where others may run between the two passes of the event, and be faster. */
export function* hugetlbCopyInPasses(mm: MemoryMap, vma: Vma, page: number): Operation<number> {
  const { frames } = mm.machine
  const { pool } = hugetlbFile(vma)
  const block = hugetlbBlock(vma, page)
  const pte = mm.tables.get(block)
  const old = pte & PTE_FRAME
  anonPrepare(vma)
  const offset = vma.offsetOf(block)
  const owner = vma.hugetlbReserve !== undefined && (frames.flags[old]! & FRAME_ANON) !== 0
  const promised = !owner && vma.hugetlbReserve?.has(offset / pool.pages) === false
  const first = takePrivate(vma, offset, owner)
  if (first === 0) {
    if (!owner) return FAULT_SIGBUS
    takeFromOthers(vma, offset, old)
    return frames.maps[old] === 1 ? reuse(mm, vma, block, old) : FAULT_SIGBUS
  }
  // A page that is freed meanwhile could come back, as another one.
  pool.get(old)
  for (let i = 0; i < pool.pages; i++) frames.copy(old + i, first + i)
  yield* mm.invalidateStartInPasses('clear', block, block + pool.pages)
  // `pte_same`
  if (mm.tables.get(block) === pte) {
    mapAnonymous(mm, vma, block, first)
    setBlock(mm, vma, block, PTE_PRESENT | PTE_YOUNG | first)
    makeWritable(mm, vma, block)
    pool.map(old, -1)
    pool.put(old)
  } else {
    // `restore_reserve_on_error`
    if (promised && vma.hugetlbReserve?.delete(offset / pool.pages) === true) pool.reserved++
    pool.put(first)
  }
  pool.put(old)
  mm.invalidateEnd()
  return FAULT_DONE
}

/**
 * `hugetlb_mfill_atomic_pte`: a huge page of `bytes`, from page `start + index` on; how many pages that
 * are. EINVAL for a part of one.
 */
export function fillHugetlb(
  vma: Vma,
  start: number,
  index: number,
  bytes: Uint8Array,
  guard: boolean,
): number {
  const { mm } = vma
  const { frames, pageSize } = mm.machine
  const file = hugetlbFile(vma)
  const { pool } = file
  const block = start + index
  if (start % pool.pages !== 0 || bytes.length % (pool.pages * pageSize) !== 0) {
    throw new HmmError('EINVAL', { message: 'not whole huge pages', retryable: false })
  }
  const offset = vma.offsetOf(block)
  if (offset >= file.pages) {
    throw new HmmError('EFAULT', { message: 'beyond the end of the file', retryable: false })
  }
  mm.tables.ensureLeaf(block)
  const there = (mm.tables.get(block) & PTE_PRESENT) !== 0
  if (there || (vma.shared && file.find(offset) !== 0)) throw alreadyThere(index)
  if (!vma.shared) anonPrepare(vma)
  const first = vma.shared ? file.findOrCreate(offset) : takePrivate(vma, offset, false)
  if (first === 0) throw tooFew(pool, 1)
  for (let i = 0; i < pool.pages; i++) {
    const at = (index + i) * pageSize
    frames.write(first + i, 0, bytes.subarray(at, at + pageSize))
  }
  if (vma.shared) {
    pool.get(first)
    pool.map(first, 1)
  } else mapAnonymous(mm, vma, block, first)
  const writable = (vma.flags & VM_WRITE) !== 0 ? PTE_WRITE : 0
  const right = guard ? PTE_UFFD_WP : writable
  setBlock(mm, vma, block, PTE_PRESENT | PTE_DIRTY | PTE_YOUNG | right | first)
  return pool.pages
}

/** Nobody else has the page: it becomes the process's own. */
function reuse(mm: MemoryMap, vma: Vma, block: number, first: number): number {
  const { frames } = mm.machine
  const { pages } = hugetlbFile(vma).pool
  for (let frame = first; frame < first + pages; frame++) frames.flags[frame]! |= FRAME_EXCLUSIVE
  frames.mapping.fill(vma.anonVma!.id, first, first + pages)
  makeWritable(mm, vma, block)
  return FAULT_DONE
}

/** `unmap_ref_private`: who has the page since a fork, and no promise of its own, loses it. */
function takeFromOthers(vma: Vma, offset: number, first: number): void {
  const file = hugetlbFile(vma)
  for (const { vma: other } of file.tree.overlaps(offset, offset)) {
    if (other === vma || other.shared || other.hugetlbReserve !== undefined) continue
    const block = other.fileEntry!.pageAt(offset)
    if (block === undefined) continue
    other.mm.invalidateStart('clear', block, block + file.pool.pages)
    if ((other.mm.tables.get(block) & PTE_FRAME) === first) {
      other.hugetlbLost = true
      zapHugetlb(other, block, block + file.pool.pages)
    }
    other.mm.invalidateEnd()
  }
}

/** `alloc_hugetlb_folio` for private memory: what was promised to the mapping, or what is free. */
function takePrivate(vma: Vma, offset: number, unpromised: boolean): number {
  const { pool } = hugetlbFile(vma)
  const used = vma.hugetlbReserve
  const index = offset / pool.pages
  if (unpromised || used === undefined) return pool.take(false)
  const first = pool.take(!used.has(index))
  if (first !== 0) used.add(index)
  return first
}

function mapAnonymous(mm: MemoryMap, vma: Vma, block: number, first: number): void {
  const { frames } = mm.machine
  const { pool } = hugetlbFile(vma)
  const index = vma.anonOffsetOf(block)
  pool.map(first, 1)
  frames.mapping.fill(vma.anonVma!.id, first, first + pool.pages)
  for (let i = 0; i < pool.pages; i++) {
    frames.flags[first + i]! |= FRAME_ANON | FRAME_EXCLUSIVE
    frames.index[first + i] = index + i
  }
}

function makeWritable(mm: MemoryMap, vma: Vma, block: number): void {
  const { tables } = mm
  const { pages } = hugetlbFile(vma).pool
  for (let page = block; page < block + pages; page++) {
    tables.set(page, (tables.get(page) & ~PTE_UFFD_WP) | PTE_WRITE | PTE_DIRTY)
  }
}

function setBlock(mm: MemoryMap, vma: Vma, block: number, entry: number): void {
  const { pages } = hugetlbFile(vma).pool
  for (let i = 0; i < pages; i++) mm.tables.set(block + i, entry + i)
}
