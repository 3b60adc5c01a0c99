import { HmmError } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import { splitHugeInPasses } from './huge.js'
import { cloneAnon, unlinkAnon } from './anon-vma.js'
import { hugetlbFile, isHugetlb, moveHugetlb } from './hugetlb.js'
import type { MemoryMap } from './memory-map.js'
import { populateLocked } from './mlock.js'
import { unmapLocked } from './munmap.js'
import { copyOf, insertVma, isolateVmas, mergeVma, resizeVma } from './vma-operations.js'
import { isUserfaultMarker, PTE_MARKER, PTE_SOFT_DIRTY, PTE_UFFD_WP, pteIs } from './pte.js'
import { VM_LOCKED, type Vma } from './vma.js'

export interface MremapRequest {
  readonly startPage: number
  readonly pages: number
  readonly newPages: number
  readonly mayMove: boolean
  readonly toPage: number | undefined
  readonly dontUnmap: boolean
}

/** `mremap`: the first page of the result. Moving raises UNMAP over the old range. */
export function* mremap(mm: MemoryMap, request: MremapRequest): Operation<number> {
  const { startPage, pages, newPages } = request
  let locked = false
  let target: number
  yield* mm.lock.write()
  try {
    const vma = mm.vmas.find(startPage)
    const huge = vma !== undefined && isHugetlb(vma)
    locked = vma !== undefined && (vma.flags & VM_LOCKED) !== 0
    target = yield* mremapLocked(mm, huge ? alignHugetlb(vma, request) : request)
  } finally {
    mm.lock.releaseWrite()
  }
  if (locked && newPages > pages) yield* populateLocked(mm, target + pages, target + newPages)
  return target
}

function* mremapLocked(mm: MemoryMap, request: MremapRequest): Operation<number> {
  const { startPage: start, pages, newPages, toPage: to } = request
  const { newMremap } = mm.machine.kernel
  checkFlags(request)
  if (!newMremap && mm.vmas.find(start) === undefined) throw notOneMapping()
  checkTarget(mm, request)
  if (to !== undefined && newPages === pages && newMremap) {
    return yield* moveAll(mm, request, to)
  }
  const vma = mm.vmas.find(start)
  if (vma === undefined) throw notOneMapping()
  if (to !== undefined || request.dontUnmap) return yield* moveTo(mm, request)
  if (newPages <= pages) {
    if (newPages < pages) yield* unmapLocked(mm, start + newPages, start + pages)
    return start
  }
  if (start + pages > vma.end) throw notOneMapping()
  if (start + pages === vma.end && roomAfter(mm, vma) >= newPages - pages) {
    resizeVma(vma, vma.start, start + newPages)
    mergeVma(vma)
    return start
  }
  if (!request.mayMove) {
    throw new HmmError('ENOMEM', {
      message: 'there is no room to grow in place',
      hint: 'Allow the mapping to move.',
      retryable: false,
    })
  }
  return yield* moveVma(mm, vma, request, pages, findRoom(mm, newPages))
}

/**
 * A move without a change of size takes all mappings of the range along, with the gaps between them
 * (`remap_move`; before Linux 6.17 only one mapping). What has moved when a later one fails stays.
 */
function* moveAll(mm: MemoryMap, request: MremapRequest, to: number): Operation<number> {
  const { startPage: start, pages } = request
  const end = start + pages
  let target = to
  let lastEnd: number | undefined
  for (let at = start; at < end;) {
    const vma = mm.vmas.next(at)
    if (vma === undefined || vma.start >= end) break
    if (lastEnd === undefined && vma.start > start) throw notOneMapping()
    const from = Math.max(vma.start, start)
    const length = Math.min(end, vma.end) - from
    if (lastEnd !== undefined) target += vma.start - lastEnd
    lastEnd = vma.end
    const part = { ...request, startPage: from, pages: length, newPages: length, toPage: target }
    yield* moveTo(mm, part)
    target += length
    at = from + length
  }
  if (lastEnd === undefined) throw notOneMapping()
  return to
}

/**
 * `mremap_to`: the target is unmapped once it is clear that there is one mapping to move; before
 * Linux 6.17 the other way round.
 */
function* moveTo(mm: MemoryMap, request: MremapRequest): Operation<number> {
  const { startPage: start, pages, newPages, toPage: to } = request
  const length = Math.min(pages, newPages)
  const isOne = (): boolean => (mm.vmas.find(start)?.end ?? -1) >= start + length
  const { newMremap } = mm.machine.kernel
  if (newMremap && !isOne()) throw notOneMapping()
  if (to !== undefined) yield* unmapLocked(mm, to, to + newPages)
  if (newPages < pages) yield* unmapLocked(mm, start + newPages, start + pages)
  const vma = mm.vmas.find(start)
  if (vma === undefined || !isOne()) throw notOneMapping()
  return yield* moveVma(
    mm,
    vma,
    request,
    length,
    to ?? findRoom(mm, newPages, isHugetlb(vma) ? hugetlbFile(vma).pool.pages : 1),
  )
}

function findRoom(mm: MemoryMap, pages: number, align = 1): number {
  const target = mm.vmas.findGap(pages, mm.low, mm.high, align)
  if (target < 0) throw new HmmError('ENOMEM', { message: 'no room in the address space' })
  return target
}

/** Huge pages of a pool move as whole ones, and cannot grow (`align_hugetlb`, `check_prep_vma`). */
function alignHugetlb(vma: Vma, request: MremapRequest): MremapRequest {
  const { pages: huge } = hugetlbFile(vma).pool
  const up = (pages: number): number => Math.ceil(pages / huge) * huge
  const pages = up(request.pages)
  const newPages = up(request.newPages)
  const aligned = request.startPage % huge === 0 && (request.toPage ?? 0) % huge === 0
  if (!aligned || newPages > pages || request.dontUnmap) {
    throw new HmmError('EINVAL', {
      message: 'huge pages move as whole ones, do not grow, and leave nothing behind',
      retryable: false,
    })
  }
  return { ...request, pages, newPages }
}

function notOneMapping(): HmmError {
  return new HmmError('EFAULT', { message: 'the old range is not inside one mapping' })
}

function checkFlags(request: MremapRequest): void {
  const { mayMove, toPage: to, dontUnmap, pages, newPages } = request
  if ((to !== undefined || dontUnmap) && !mayMove) {
    throw new HmmError('EINVAL', { message: 'a fixed target and DONTUNMAP need MAYMOVE' })
  }
  if (dontUnmap && pages !== newPages) {
    throw new HmmError('EINVAL', { message: 'DONTUNMAP keeps the size' })
  }
}

function checkTarget(mm: MemoryMap, request: MremapRequest): void {
  const { startPage: start, toPage: to, pages, newPages } = request
  if (to === undefined) return
  if (to < mm.low || to + newPages > mm.high) throw new HmmError('EINVAL', {})
  if (start < to + newPages && to < start + pages) {
    throw new HmmError('EINVAL', { message: 'the old and the new range overlap' })
  }
}

function roomAfter(mm: MemoryMap, vma: Vma): number {
  return (mm.vmas.next(vma.end)?.start ?? mm.high) - vma.end
}

/** `move_vma`: page tables first (UNMAP event), then the old range goes as in munmap. */
function* moveVma(
  mm: MemoryMap,
  vma: Vma,
  request: MremapRequest,
  length: number,
  target: number,
): Operation<number> {
  const start = request.startPage
  // A mapping that stays is not to become one with its copy.
  const { newMremap } = mm.machine.kernel
  const fresh = vma.anonymous && vma.anonVma === undefined
  const keep = newMremap && request.dontUnmap && fresh ? vma : undefined
  const moved = copyOf(vma, mm)
  moved.end = target + request.newPages
  // Pages that exist keep their place in the reverse map; without any it starts afresh.
  moved.moveTo(
    target,
    vma.offsetOf(start),
    vma.anonVma === undefined ? target : vma.anonOffsetOf(start),
  )
  insertVma(moved)
  cloneAnon(moved, vma)
  if (isHugetlb(vma)) {
    yield* moveHugetlb(vma, start, target, length)
    yield* takeHugetlb(mm, moved, start, length)
    return target
  }
  mergeVma(moved, keep)
  yield* moveTables(mm, vma, start, target, length)
  if (!request.dontUnmap) yield* unmapLocked(mm, start, start + length)
  else {
    const old = mm.vmas.find(start)!
    old.flags &= ~VM_LOCKED
    if (old.anonVma !== undefined && old.start === start && old.end === start + length) {
      unlinkAnon(old)
      if (newMremap) old.startAfresh()
    }
  }
  return target
}

/**
 * The old range goes, and what was promised to it is the new mapping's now
 * (`fixup_hugetlb_reservations`).
 */
function* takeHugetlb(mm: MemoryMap, moved: Vma, start: number, length: number): Operation<void> {
  for (const old of isolateVmas(mm, start, start + length)) {
    moved.hugetlbReserve = old.hugetlbReserve
    moved.hugetlbLost = old.hugetlbLost
    old.hugetlbReserve = undefined
  }
  yield* unmapLocked(mm, start, start + length)
}

/** Nobody serves faults of the new place, and what is there counts as written (`move_soft_dirty_pte`). */
function movedEntry(pte: number): number {
  if (isUserfaultMarker(pte)) return 0
  return pteIs(pte, PTE_MARKER) ? pte : (pte & ~PTE_UFFD_WP) | PTE_SOFT_DIRTY
}

/**
 * `move_page_tables`: what fills a leaf and is to fill another moves with it (`move_normal_pmd`, `move_huge_pmd`),
 * the rest page by page, to leaves that are made for it, be there something to move or not.
 */
function* moveTables(
  mm: MemoryMap,
  vma: Vma,
  start: number,
  target: number,
  length: number,
): Operation<void> {
  const { tables, machine } = mm
  const { leafPages, mask } = tables
  const { scheduler } = machine
  const end = start + length
  const from = start - realigned(mm, vma, start, target, length)
  const shift = target - start
  yield* mm.invalidateStartInPasses('unmap', from, end)
  if (scheduler.stopsAt('notifier-start', mm)) yield scheduler.stop
  mm.updates?.move(start, target, length)
  let page = tables.nextLeaf(from, end)
  while (page < end) {
    const to = page + shift
    const stop = Math.min(end, page + leafPages - (page & mask), page + leafPages - (to & mask))
    const whole = stop - page === leafPages && tables.leaf(to) === 0
    if (tables.isHuge(page)) {
      if (whole) {
        tables.moveLeaf(page, to)
        moveEntries(mm, to, to + leafPages, to)
      } else yield* splitHugeInPasses(mm, page)
    } else if (whole && vma.userfaultfd === undefined) tables.moveLeaf(page, to)
    if (tables.leaf(page) !== 0) {
      tables.ensureLeaf(to)
      moveEntries(mm, page, stop, to)
    }
    if (scheduler.stopsAt('page-table', mm)) yield scheduler.stop
    page = tables.nextLeaf(stop, end)
  }
  mm.invalidateEnd()
}

/** Pages before `start` that move too, as nothing is mapped there, so that leaves are whole (`try_realign_addr`). */
function realigned(mm: MemoryMap, vma: Vma, start: number, target: number, length: number): number {
  const { leafPages, mask } = mm.tables
  const before = start & mask
  if (before === 0 || before !== (target & mask) || length < leafPages - before) return 0
  const free = (page: number): boolean => mm.vmas.next(page - before)?.start === page
  return vma.start === start && free(start) && free(target) ? before : 0
}

function moveEntries(mm: MemoryMap, from: number, end: number, to: number): void {
  const { words } = mm.tables.arena
  const { mask } = mm.tables
  const source = mm.tables.leaf(from)
  const target = mm.tables.leaf(to)
  for (let i = 0; i < end - from; i++) {
    const at = source + ((from + i) & mask)
    const pte = words[at]!
    if (pte === 0) continue
    words[at] = 0
    words[target + ((to + i) & mask)] = movedEntry(pte)
  }
}
