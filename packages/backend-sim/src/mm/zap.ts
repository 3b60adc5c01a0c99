import type { Operation } from '../sim/operation.js'
import { FRAME_DIRTY } from './frame-table.js'
import { splitHuge } from './huge.js'
import { isHugetlb, zapHugetlb } from './hugetlb.js'
import type { MemoryMap } from './memory-map.js'
import { VM_UFFD_WP, type Vma } from './vma.js'
import {
  isUserfaultMarker,
  PTE_DEVICE_EXCLUSIVE,
  PTE_DEVICE_PRIVATE,
  PTE_DIRTY,
  PTE_FRAME,
  PTE_HWPOISON,
  PTE_KIND,
  PTE_MARKER,
  PTE_PRESENT,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_UFFD_WP,
} from './pte.js'

/** Which pages a zap leaves alone: `keep` gets their frame. */
export type KeepFrame = (frame: number) => boolean

/**
 * Which entries that only say something stay: guards go with their mapping, what userfaultfd
 * write-protects (of files) also when the file is cut.
 */
export type Markers = 'keep-guards' | 'keep-all' | 'drop'

/**
 * Clears the page table entries of `[start, end)` and drops what they referred to
 * (`zap_page_range`). The caller raised the event.
 */
export function* zapRange(
  mm: MemoryMap,
  start: number,
  end: number,
  keep?: KeepFrame,
  markers: Markers = 'keep-guards',
): Operation<void> {
  const { tables, machine } = mm
  for (let page = tables.nextLeaf(start, end); page < end; page = tables.nextLeaf(page, end)) {
    if (machine.scheduler.stopsAt('page-table', mm)) yield machine.scheduler.stop
    page += zapPart(mm, page, end, keep, markers)
  }
}

/** The same at once, for who cannot be preempted there. */
export function zapAtOnce(mm: MemoryMap, start: number, end: number, keep: KeepFrame): void {
  const { tables } = mm
  for (let page = tables.nextLeaf(start, end); page < end; page = tables.nextLeaf(page, end)) {
    page += zapPart(mm, page, end, keep, 'keep-guards')
  }
}

/** What one leaf has of `[page, end)`: how many pages that is. */
function zapPart(
  mm: MemoryMap,
  page: number,
  end: number,
  keep: KeepFrame | undefined,
  markers: Markers,
): number {
  const { tables } = mm
  const offset = page & tables.mask
  const count = Math.min(tables.mask + 1 - offset, end - page)
  mm.updates?.forget(page, count)
  const huge = tables.isHuge(page)
  if (huge && count > tables.mask) zapHuge(mm, page)
  else if (huge) splitHuge(mm, page)
  const leaf = tables.leaf(page)
  if (leaf !== 0) zapLeaf(mm, leaf + offset, count, keep, markers)
  return count
}

/** The same for a part of one mapping, whatever its pages are. */
export function* zapVma(
  vma: Vma,
  start: number,
  end: number,
  markers: 'keep' | 'drop' = 'keep',
): Operation<void> {
  const guarded = vma.file !== undefined && (vma.flags & VM_UFFD_WP) !== 0
  const kept = guarded ? 'keep-all' : 'keep-guards'
  if (isHugetlb(vma)) zapHugetlb(vma, start, end, guarded && markers === 'keep')
  else yield* zapRange(vma.mm, start, end, undefined, markers === 'drop' ? 'drop' : kept)
}

/** `zap_huge_pmd`: a whole block, and its page table with it, so that the next one may be huge too. */
function zapHuge(mm: MemoryMap, page: number): void {
  const { tables, machine } = mm
  const { frames } = machine
  const leaf = tables.leaf(page)
  const pages = tables.leafPages
  const { words } = tables.arena
  const pte = words[leaf]!
  const first = pte & PTE_FRAME
  // What is not present: a block of a device's memory, or on its way there or back.
  if ((pte & PTE_PRESENT) === 0) zapLeaf(mm, leaf, pages, undefined, 'drop')
  else if ((pte & PTE_SPECIAL) === 0) {
    let last = true
    for (let frame = first; frame < first + pages; frame++)
      if (frames.refs[frame] !== 1) last = false
    if (last) frames.freeHuge(first, pages)
    else zapLeaf(mm, leaf, pages, undefined, 'drop')
  }
  tables.dropLeaf(page)
}

function zapLeaf(
  mm: MemoryMap,
  from: number,
  count: number,
  keep: KeepFrame | undefined,
  markers: Markers,
): void {
  const frames = mm.machine.frames
  const words = mm.tables.arena.words
  for (let at = from; at < from + count; at++) {
    const pte = words[at]!
    if (pte === 0) continue
    const frame = pte & PTE_FRAME
    if ((pte & PTE_PRESENT) !== 0) {
      if ((pte & PTE_SPECIAL) === 0) {
        if (keep?.(frame) === true) continue
        if ((pte & PTE_DIRTY) !== 0) frames.flags[frame]! |= FRAME_DIRTY
        frames.maps[frame]!--
        frames.put(frame)
      }
    } else {
      const kind = pte & PTE_KIND
      if (kind === PTE_MARKER && !goes(pte, markers)) continue
      if (kind === PTE_HWPOISON && keep !== undefined) continue
      if (kind === PTE_SWAP) {
        // What was swapped out is always a private copy.
        if (keep !== undefined) continue
        mm.machine.swap.put(frame)
      } else if (kind === PTE_DEVICE_PRIVATE || kind === PTE_DEVICE_EXCLUSIVE) {
        if (keep?.(frame) === true) continue
        frames.maps[frame]!--
        frames.put(frame)
      }
      // A migration entry holds no reference: whoever migrates the page does.
    }
    const guarded = markers === 'keep-all' ? pte & PTE_UFFD_WP : 0
    words[at] = guarded === 0 ? 0 : PTE_MARKER | guarded
  }
}

/** Whether a marker is dropped. */
function goes(pte: number, markers: Markers): boolean {
  if (markers === 'drop') return true
  return isUserfaultMarker(pte) && markers !== 'keep-all'
}
