import type { Machine } from '../sim/machine.js'
import type { Operation } from '../sim/operation.js'
import {
  FRAME_ANON,
  FRAME_DAX,
  FRAME_DEVICE,
  FRAME_DIRTY,
  FRAME_FILE,
  FRAME_HUGETLB,
  FRAME_LAZY_FREE,
  FRAME_LOCKED,
} from './frame-table.js'
import type { MemoryMap } from './memory-map.js'
import {
  PTE_DIRTY,
  PTE_FRAME,
  PTE_PRESENT,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_SWAP_EXCLUSIVE,
} from './pte.js'
import { VM_LOCKED } from './vma.js'
import { failToUnmap, isExclusive, tryToUnmap, walkMappings } from './rmap.js'

/**
 * Reclaims the pages of `[start, end)` that can be (`reclaim_pages`): anonymous ones go to swap,
 * clean MADV_FREE ones vanish, pages of files lose their mapping and stay in the cache. With
 * `sharedToo` also pages that several processes map. How many mappings were of reclaimed pages.
 */
export function* reclaimRange(
  mm: MemoryMap,
  start: number,
  end: number,
  sharedToo: boolean,
): Operation<number> {
  const { tables, machine } = mm
  let reclaimed = 0
  for (let page = tables.nextLeaf(start, end); page < end; page = tables.nextLeaf(page, end)) {
    if (machine.scheduler.stopsAt('page-table', mm)) yield machine.scheduler.stop
    const stop = Math.min(page - (page & tables.mask) + tables.mask + 1, end)
    for (; page < stop; page++) {
      const pte = tables.get(page)
      if ((pte & PTE_PRESENT) === 0) continue
      const frame = pte & PTE_FRAME
      if ((pte & PTE_SPECIAL) !== 0 || (!sharedToo && machine.frames.maps[frame] !== 1)) continue
      if (yield* reclaimFrame(machine, frame)) reclaimed++
    }
  }
  return reclaimed
}

/** False if the frame is pinned, locked, not of a kind that is reclaimed, or written since MADV_FREE. */
export function* reclaimFrame(machine: Machine, frame: number): Operation<boolean> {
  const { frames } = machine
  const flags = frames.flags[frame]!
  const stays = FRAME_LOCKED | FRAME_HUGETLB | FRAME_DAX | FRAME_DEVICE
  if ((flags & stays) !== 0 || isPinned(machine, frame)) return false
  if ((flags & (FRAME_FILE | FRAME_ANON)) === 0 || isLocked(machine, frame)) return false
  frames.flags[frame]! |= FRAME_LOCKED
  frames.get(frame)
  if ((flags & FRAME_FILE) !== 0) yield* tryToUnmap(machine, frame, () => 0)
  else if ((flags & FRAME_LAZY_FREE) !== 0) yield* discard(machine, frame)
  else yield* swapOut(machine, frame)
  const reclaimed = frames.maps[frame] === 0
  frames.flags[frame]! &= ~FRAME_LOCKED
  frames.put(frame)
  return reclaimed
}

/** Gives up a page that was given up by MADV_FREE, unless it was written again. */
function* discard(machine: Machine, frame: number): Operation<void> {
  const { frames } = machine
  if (isDirty(machine, frame)) {
    // Only the next time it goes to swap.
    frames.flags[frame]! &= ~FRAME_LAZY_FREE
    yield* failToUnmap(machine, frame)
    return
  }
  yield* tryToUnmap(machine, frame, () => {
    if (!isDirty(machine, frame)) return 0
    // It was just written, between the two passes of the event.
    frames.flags[frame]! &= ~FRAME_LAZY_FREE
    return undefined
  })
}

/** The bytes are stored when the first mapping goes: who shares the page writes to a copy of it. */
function* swapOut(machine: Machine, frame: number): Operation<void> {
  const { swap } = machine
  let entry = 0
  yield* tryToUnmap(machine, frame, () => {
    if (isPinned(machine, frame, 1)) return undefined
    if (entry === 0) {
      entry = swap.storeFrame(frame)
      // Who reads it back meanwhile must not be the last that has it.
      swap.get(entry)
    }
    return PTE_SWAP | entry | (isExclusive(machine, frame) ? PTE_SWAP_EXCLUSIVE : 0)
  })
  if (entry !== 0) swap.put(entry)
}

/** Whether somebody but page tables, the page cache and `others` has a reference. */
function isPinned({ frames }: Machine, frame: number, others = 0): boolean {
  const cached = (frames.flags[frame]! & FRAME_FILE) !== 0 ? 1 : 0
  return frames.refs[frame] !== frames.maps[frame]! + cached + others
}

/** Whether a mapping of it is one that stays (`folio_test_unevictable`). */
function isLocked(machine: Machine, frame: number): boolean {
  let locked = false
  walkMappings(machine, frame, (vma) => {
    if ((vma.flags & VM_LOCKED) !== 0) locked = true
  })
  return locked
}

function isDirty(machine: Machine, frame: number): boolean {
  let dirty = (machine.frames.flags[frame]! & FRAME_DIRTY) !== 0
  walkMappings(machine, frame, (_vma, _page, pte) => {
    if ((pte & PTE_DIRTY) !== 0) dirty = true
  })
  return dirty
}
