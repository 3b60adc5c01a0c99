import { HmmError } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import { anonPrepare } from './anon-prepare.js'
import { FAULT_DONE, FAULT_OOM } from './fault-code.js'
import { FRAME_ANON, FRAME_DEVICE, FRAME_EXCLUSIVE, FRAME_LOCKED } from './frame-table.js'
import { blockPinned, mapBlock, mayBeHuge } from './huge.js'
import type { MemoryMap } from './memory-map.js'
import {
  PTE_FRAME,
  PTE_KIND,
  PTE_PRESENT,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_UFFD_WP,
  ptePresent,
} from './pte.js'
import { resolveFault } from './resolve-fault.js'
import { VM_UFFD, type Vma } from './vma.js'

/** Who collapses: `madvise(MADV_COLLAPSE)` does what it can, khugepaged is choosy. */
export type Collapser = 'madvise' | 'khugepaged'

/** Most swapped-out pages of a block that khugepaged reads back (`max_ptes_swap`, an eighth). */
const SWAPPED_SHARE = 1 / 8

/**
 * Makes the whole blocks in `[start, end)` of `vma` huge (`collapse_huge_page`): each is copied to a
 * block of memory, under a CLEAR event. mmap_lock is held for writing. How many are huge then, of how
 * many, and the first errno.
 */
export function* collapseRange(
  mm: MemoryMap,
  vma: Vma,
  start: number,
  end: number,
  who: Collapser,
): Operation<{ huge: number; blocks: number; error: 'EINVAL' | 'ENOMEM' | 'EAGAIN' | undefined }> {
  const pages = mm.tables.leafPages
  const first = Math.ceil(start / pages) * pages
  let huge = 0
  let blocks = 0
  let error: 'EINVAL' | 'ENOMEM' | 'EAGAIN' | undefined
  for (let block = first; block + pages <= end; block += pages) {
    blocks++
    const failed = yield* collapseBlock(mm, vma, block, who)
    if (failed === undefined) huge++
    else error = failed
  }
  return { huge, blocks, error }
}

/** `MADV_COLLAPSE` of `[start, end)` of one mapping. */
export function* adviseCollapse(
  mm: MemoryMap,
  vma: Vma,
  start: number,
  end: number,
): Operation<void> {
  const { leafPages: pages } = mm.tables
  const none = Math.ceil(start / pages) > Math.floor(end / pages)
  if (!mayCollapse(mm, vma) || (none && mm.machine.kernel.collapsesSomething)) {
    throw new HmmError('EINVAL', { message: 'this memory cannot be in huge pages' })
  }
  const { error } = yield* collapseRange(mm, vma, start, end, 'madvise')
  if (error !== undefined) {
    const message = 'part of the range could not be made huge pages'
    throw new HmmError(error, { message, retryable: error !== 'EINVAL' })
  }
}

/** Memory of which no page was ever made has nothing to collapse. */
function mayCollapse(mm: MemoryMap, vma: Vma): boolean {
  if (vma.anonVma === undefined) return false
  const pages = mm.tables.leafPages
  return mayBeHuge(mm, vma, Math.ceil(vma.start / pages) * pages, true)
}

function* collapseBlock(
  mm: MemoryMap,
  vma: Vma,
  block: number,
  who: Collapser,
): Operation<'EINVAL' | 'ENOMEM' | 'EAGAIN' | undefined> {
  const { tables, machine } = mm
  const { frames } = machine
  const pages = tables.leafPages
  if (!mayBeHuge(mm, vma, block, who === 'madvise')) return 'EINVAL'
  if (tables.leaf(block) === 0) return 'EINVAL'
  if (tables.isHuge(block)) return undefined
  const swapped = count(mm, block, (pte) => (pte & (PTE_PRESENT | PTE_KIND)) === PTE_SWAP)
  const empty = count(mm, block, isEmpty)
  // Who serves the missing pages would not hear of them any more.
  if (empty > 0 && (vma.flags & VM_UFFD) !== 0) return 'EINVAL'
  if (who === 'khugepaged' && (swapped > pages * SWAPPED_SHARE || empty === pages)) return 'EINVAL'
  for (let page = block; page < block + pages; page++) {
    const pte = tables.get(page)
    if ((pte & PTE_UFFD_WP) !== 0) return 'EINVAL'
    // Memory of a device is none that could be collapsed, and seen before anything is read back.
    if (inDevice(mm, pte)) return 'EINVAL'
    if (pte === 0 || (pte & PTE_PRESENT) !== 0) continue
    if ((pte & PTE_KIND) !== PTE_SWAP) return 'EINVAL'
    const code = yield* resolveFault(mm, vma, page, false)
    if (code === FAULT_OOM) return 'ENOMEM'
    if (code !== FAULT_DONE) return 'EINVAL'
  }
  if (isStuck(mm, block)) return 'EAGAIN'
  const first = frames.allocateHuge(pages, FRAME_ANON | FRAME_EXCLUSIVE)
  if (first === 0) return 'ENOMEM'
  anonPrepare(vma)
  yield* mm.invalidateStartInPasses('clear', block, block + pages)
  // Who has no need of mmap_lock may have taken, pinned or locked a page meanwhile.
  if (isStuck(mm, block)) {
    mm.invalidateEnd()
    for (let frame = first; frame < first + pages; frame++) frames.put(frame)
    return 'EAGAIN'
  }
  for (let i = 0; i < pages; i++) {
    const pte = tables.get(block + i)
    if (pte === 0 || (pte & PTE_SPECIAL) !== 0) continue
    const frame = pte & PTE_FRAME
    frames.copy(frame, first + i)
    frames.maps[frame]!--
    frames.put(frame)
  }
  mapBlock(mm, vma, block, first)
  mm.invalidateEnd()
  return undefined
}

/** Whether a page of the block is not there, locked, or somebody's who is no page table. */
function isStuck(mm: MemoryMap, block: number): boolean {
  const { flags } = mm.machine.frames
  const stuck = count(mm, block, (pte) => {
    if (pte === 0) return false
    if (!ptePresent(pte) || inDevice(mm, pte)) return true
    if ((pte & PTE_SPECIAL) !== 0) return false
    return (flags[pte & PTE_FRAME]! & (FRAME_ANON | FRAME_LOCKED)) !== FRAME_ANON
  })
  return stuck > 0 || blockPinned(mm, block)
}

function inDevice(mm: MemoryMap, pte: number): boolean {
  if (!ptePresent(pte) || (pte & PTE_SPECIAL) !== 0) return false
  return (mm.machine.frames.flags[pte & PTE_FRAME]! & FRAME_DEVICE) !== 0
}

/** Nothing, or the zero page. */
function isEmpty(pte: number): boolean {
  return pte === 0 || ((pte & (PTE_PRESENT | PTE_SPECIAL)) | 0) === (PTE_PRESENT | PTE_SPECIAL | 0)
}

function count(mm: MemoryMap, block: number, is: (pte: number) => boolean): number {
  const { words } = mm.tables.arena
  const leaf = mm.tables.leaf(block)
  let found = 0
  for (let at = leaf; at <= leaf + mm.tables.mask; at++) if (is(words[at]!)) found++
  return found
}
