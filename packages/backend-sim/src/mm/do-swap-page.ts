import { restoreExclusive } from './device-exclusive.js'
import { doWpPage } from './do-wp-page.js'
import {
  FAULT_DEVICE,
  FAULT_DONE,
  FAULT_EVENT,
  FAULT_OOM,
  FAULT_SIGBUS,
  FAULT_WAIT,
} from './fault-code.js'
import { FRAME_ANON, FRAME_EXCLUSIVE } from './frame-table.js'
import type { MemoryMap } from './memory-map.js'
import {
  PTE_DEVICE_EXCLUSIVE,
  PTE_DEVICE_PRIVATE,
  PTE_FRAME,
  PTE_KIND,
  PTE_MIGRATION,
  PTE_PRESENT,
  PTE_SOFT_DIRTY,
  PTE_SWAP,
  PTE_SWAP_EXCLUSIVE,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_WRITTEN,
  PTE_YOUNG,
} from './pte.js'
import { VM_UFFD_WP, VM_WRITE, type Vma } from './vma.js'

/** A touch of an entry that is neither empty nor present (`do_swap_page`). */
export function doSwapPage(
  mm: MemoryMap,
  vma: Vma,
  page: number,
  at: number,
  pte: number,
  write: boolean,
): number {
  switch (pte & PTE_KIND) {
    case PTE_SWAP:
      return swapIn(mm, vma, page, at, pte, write)
    case PTE_MIGRATION:
      return FAULT_WAIT
    case PTE_DEVICE_PRIVATE:
      return FAULT_DEVICE
    case PTE_DEVICE_EXCLUSIVE:
      if (mm.machine.scheduler.explorer !== undefined) return FAULT_EVENT
      restoreExclusive(mm, page)
      return FAULT_DONE
    default:
      return FAULT_SIGBUS
  }
}

function swapIn(
  mm: MemoryMap,
  vma: Vma,
  page: number,
  at: number,
  pte: number,
  write: boolean,
): number {
  const { frames, swap } = mm.machine
  const entry = pte & PTE_FRAME
  let frame = swap.cached(entry)
  const alone = mm.machine.kernel.ownsLastSwap && swap.refs(entry) === 1 && !swap.wasRead(entry)
  let exclusive = (pte & PTE_SWAP_EXCLUSIVE) !== 0 || alone
  if (frame === 0) {
    frame = frames.allocate(FRAME_ANON)
    if (frame === 0) return FAULT_OOM
    frames.slots[frame] = swap.load(entry)
    if (swap.refs(entry) > 1) swap.cache(entry, frame)
    // What others may have too belongs to the oldest of them.
    frames.mapping[frame] = (exclusive ? vma.anonVma! : vma.anonVma!.root).id
    frames.index[frame] = vma.anonOffsetOf(page)
  } else frames.get(frame)
  const last = swap.refs(entry) === 1
  swap.put(entry)
  // Who writes and is the last keeps it, in the place where it is (`should_try_to_free_swap`).
  if (mm.machine.kernel.ownsLastSwap && write && last && frames.refs[frame] === 1) exclusive = true
  frames.maps[frame]!++
  if (exclusive) frames.flags[frame]! |= FRAME_EXCLUSIVE
  const guarded = (vma.flags & VM_UFFD_WP) !== 0 ? pte & PTE_UFFD_WP : 0
  const soft = pte & PTE_SOFT_DIRTY
  const watched = !vma.softDirty && soft === 0
  const writable = exclusive && (vma.flags & VM_WRITE) !== 0 && guarded === 0 && !watched
  mm.tables.arena.words[at] =
    PTE_PRESENT |
    PTE_YOUNG |
    guarded |
    soft |
    (writable ? PTE_WRITE : 0) |
    (write && writable ? PTE_WRITTEN : 0) |
    frame
  if (!write || writable || guarded !== 0) return FAULT_DONE
  return doWpPage(mm, vma, page, mm.tables.arena.words[at]!)
}
