import { HmmError } from '@hmm-sdk/hmm-api'
import { unmarkHuge } from './huge.js'
import { checkHugetlbEdge, closeHugetlb } from './hugetlb.js'
import { cloneAnon, isForkChild, unlinkAnon } from './anon-vma.js'
import type { MemoryMap } from './memory-map.js'
import { VM_HUGETLB, VM_UFFD, Vma, VmaEntry } from './vma.js'

/** Adds a mapping and its place in the reverse maps, just behind that of `after` if it is given. */
export function insertVma(vma: Vma, after?: Vma): void {
  vma.mm.vmas.insert(vma)
  vma.file?.link(vma, after)
}

/** Removes a mapping, whose pages were zapped. */
export function removeVma(vma: Vma): void {
  vma.mm.vmas.remove(vma)
  unlinkVma(vma)
  closeHugetlb(vma)
  vma.file?.put()
}

/**
 * Cuts `vma` at `page`, inside it; the second part is returned (`split_vma`). EINVAL inside a huge
 * page of a pool.
 */
export function splitVma(vma: Vma, page: number): Vma {
  checkHugetlbEdge(vma, page)
  splitHugePage(vma, page)
  const second = copyOf(vma, vma.mm)
  second.hugetlbReserve = vma.hugetlbReserve
  second.hugetlbLost = vma.hugetlbLost
  second.flags = vma.flags
  second.userfaultfd = vma.userfaultfd
  second.setStart(page)
  resizeVma(vma, vma.start, page)
  cloneAnon(second, vma)
  insertVma(second)
  return second
}

/**
 * The mappings of `[start, end)`, each with its part of the range, as mprotect and mlock go through it.
 * ENOMEM at the first page that is not mapped, when what comes before it was worked on.
 */
export function* mappedParts(
  mm: MemoryMap,
  start: number,
  end: number,
): Generator<readonly [vma: Vma, from: number, to: number], void> {
  let at = start
  for (const vma of mm.vmas.overlapping(start, end)) {
    if (vma.start > at) break
    const from = Math.max(vma.start, start)
    at = Math.min(vma.end, end)
    yield [vma, from, at]
  }
  if (at === end) return
  const message = `page ${at - start} of the range is not mapped`
  throw new HmmError('ENOMEM', { message, page: at - start, retryable: false })
}

/** Cuts mappings so that none reaches over an end of `[start, end)`; those inside are returned. */
export function isolateVmas(mm: MemoryMap, start: number, end: number): Vma[] {
  const first = mm.vmas.find(start)
  if (first !== undefined && first.start < start) splitVma(first, start)
  const last = mm.vmas.find(end - 1)
  if (last !== undefined && last.end > end) splitVma(last, end)
  return mm.vmas.overlapping(start, end)
}

/**
 * Merges `vma` with its neighbours, but for `except`, where both could be one mapping; the result
 * (`vma_merge`).
 */
export function mergeVma(vma: Vma, except?: Vma): Vma {
  const [before, after] = [vma.start - 1, vma.end].map((page) => {
    const neighbour = vma.mm.vmas.find(page)
    return neighbour === except ? undefined : neighbour
  })
  const left = before !== undefined && mergeable(before, vma) && anonMergeable(vma, before)
  const right =
    after !== undefined &&
    mergeable(vma, after) &&
    anonMergeable(vma, after) &&
    (!left || anonCompatible(before, after))
  const merged = left ? join(before, vma) : vma
  return right ? join(merged, after) : merged
}

/**
 * A mapping with the same contents for `mm`, in no list yet; it holds a reference of the file. No
 * userfaultfd serves it (`userfaultfd_reset_ctx`).
 */
export function copyOf(vma: Vma, mm: MemoryMap): Vma {
  vma.file?.get()
  const { start, end, flags, file, pgoff, anonPgoff } = vma
  const copy = new Vma(mm, start, end, flags & ~VM_UFFD, file, pgoff, anonPgoff)
  copy.softDirty = vma.softDirty
  copy.maybeGuarded = vma.maybeGuarded
  return copy
}

/** Changes the limits; the page at the old start keeps its offset. */
export function resizeVma(vma: Vma, start: number, end: number): void {
  unlinkRmap(vma)
  vma.setStart(start)
  vma.end = end
  linkRmap(vma)
}

/**
 * Where a huge page could span the cut, the kernel raises CLEAR over it before it looks whether there
 * is one (`split_huge_pmd_if_needed`, `__split_huge_pmd`).
 */
function splitHugePage(vma: Vma, page: number): void {
  const { mm } = vma
  const { tables } = mm
  const first = page - (page & tables.mask)
  const end = first + tables.leafPages
  if (page === first || vma.start > first || vma.end < end) return
  if (tables.nextPud(page, page + 1) !== page) return
  mm.invalidateStart('clear', first, end)
  if (tables.isHuge(page)) unmarkHuge(mm, first)
  mm.invalidateEnd()
}

function mergeable(first: Vma, second: Vma): boolean {
  return (
    first.end === second.start &&
    first.flags === second.flags &&
    (first.flags & VM_HUGETLB) === 0 &&
    first.file === second.file &&
    first.userfaultfd === second.userfaultfd &&
    first.offsetOf(first.end) === second.pgoff &&
    (first.shared || first.anonOffsetOf(first.end) === second.anonPgoff)
  )
}

/** `is_mergeable_anon_vma`. */
function anonMergeable(vma: Vma, neighbour: Vma): boolean {
  if (vma.anonVma === neighbour.anonVma) return true
  if (neighbour.anonVma !== undefined) return vma.anonVma === undefined && !isForkChild(neighbour)
  return vma.mm.machine.kernel.mergesIntoUntouched && !isForkChild(vma)
}

/** `are_anon_vmas_compatible`. */
function anonCompatible({ anonVma: one }: Vma, { anonVma: other }: Vma): boolean {
  return one === undefined || other === undefined || one === other
}

function join(first: Vma, second: Vma): Vma {
  const end = second.end
  second.mm.vmas.remove(second)
  if (first.anonVma === undefined) cloneAnon(first, second)
  unlinkVma(second)
  second.file?.put()
  first.softDirty ||= second.softDirty
  first.maybeGuarded ||= second.maybeGuarded
  resizeVma(first, first.start, end)
  return first
}

function unlinkVma(vma: Vma): void {
  if (vma.file !== undefined) vma.file.unlink(vma)
  unlinkAnon(vma)
}

function unlinkRmap(vma: Vma): void {
  if (vma.fileEntry !== undefined) vma.file!.tree.remove(vma.fileEntry)
  for (const { anonVma, entry } of vma.anonLinks) anonVma.tree.remove(entry)
}

function linkRmap(vma: Vma): void {
  if (vma.file !== undefined) vma.file.link(vma)
  for (const link of vma.anonLinks) {
    link.entry = new VmaEntry(vma, vma.anonPgoff)
    link.anonVma.tree.insert(link.entry)
  }
}
