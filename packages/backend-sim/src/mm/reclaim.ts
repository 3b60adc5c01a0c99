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
    if (machine.scheduler.explorer !== undefined) yield machine.scheduler.point('page-table', mm)
    const stop = Math.min(page - (page & tables.mask) + tables.mask + 1, end)
    for (; page < stop; page++) {
      const pte = tables.get(page)
      if ((pte & PTE_PRESENT) === 0) continue
      const frame = pte & PTE_FRAME
      if ((pte & PTE_SPECIAL) !== 0 || (!sharedToo && machine.frames.maps[frame] !== 1)) continue
      if (reclaimFrame(machine, frame)) reclaimed++
    }
  }
  return reclaimed
}

/** False if the frame is pinned, locked, not of a kind that is reclaimed, or written since MADV_FREE. */
export function reclaimFrame(machine: Machine, frame: number): boolean {
  const { frames, swap } = machine
  const flags = frames.flags[frame]!
  const cached = (flags & FRAME_FILE) !== 0 ? 1 : 0
  if (
    (flags & (FRAME_LOCKED | FRAME_HUGETLB | FRAME_DAX | FRAME_DEVICE)) !== 0 ||
    frames.refs[frame] !== frames.maps[frame]! + cached
  ) {
    return false
  }
  if (cached === 1) {
    frames.get(frame)
    tryToUnmap(machine, frame, 0, 0)
    frames.put(frame)
    return true
  }
  if ((flags & FRAME_ANON) === 0) return false
  frames.get(frame)
  if ((flags & FRAME_LAZY_FREE) !== 0) {
    if (isDirty(machine, frame)) {
      // It was given up and written again: only the next time it goes to swap.
      frames.flags[frame]! &= ~FRAME_LAZY_FREE
      failToUnmap(machine, frame)
      frames.put(frame)
      return false
    }
    tryToUnmap(machine, frame, 0, 0)
  } else {
    const entry = swap.storeFrame(frame)
    const alone = isExclusive(machine, frame) ? PTE_SWAP_EXCLUSIVE : 0
    tryToUnmap(machine, frame, PTE_SWAP | entry, alone)
  }
  frames.put(frame)
  return true
}

function isDirty(machine: Machine, frame: number): boolean {
  let dirty = (machine.frames.flags[frame]! & FRAME_DIRTY) !== 0
  walkMappings(machine, frame, (_vma, _page, pte) => {
    if ((pte & PTE_DIRTY) !== 0) dirty = true
  })
  return dirty
}
