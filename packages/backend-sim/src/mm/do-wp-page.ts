import { anonPrepare } from './anon-prepare.js'
import type { Operation } from '../sim/operation.js'
import { FAULT_DONE, FAULT_EVENT, FAULT_OOM } from './fault-code.js'
import { hugeWriteFault } from './huge.js'
import { FRAME_ANON, FRAME_DIRTY, FRAME_EXCLUSIVE, FRAME_KSM } from './frame-table.js'
import { isLarge, ownsFolio } from './large-folio.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_FRAME, PTE_PRESENT, PTE_SPECIAL, PTE_WRITE, PTE_WRITTEN, PTE_YOUNG } from './pte.js'
import type { Vma } from './vma.js'

/**
 * A write to a present page that is mapped read-only (`do_wp_page`): shared memory and pages of
 * this process alone become writable without an event, everything else is copied.
 */
export function doWpPage(mm: MemoryMap, vma: Vma, page: number, pte: number): number {
  const frames = mm.machine.frames
  const frame = pte & PTE_FRAME
  if (mm.tables.isHuge(page)) {
    const code = hugeWriteFault(mm, vma, page, pte)
    return code ?? doWpPage(mm, vma, page, mm.tables.get(page))
  }
  if (vma.shared) {
    frames.flags[frame]! |= FRAME_DIRTY
    return makeWritable(mm, page, pte)
  }
  if (
    (pte & PTE_SPECIAL) === 0 &&
    (frames.flags[frame]! & (FRAME_ANON | FRAME_KSM)) === FRAME_ANON
  ) {
    if ((frames.flags[frame]! & FRAME_EXCLUSIVE) !== 0) return makeWritable(mm, page, pte)
    if (isLarge(mm.machine, frame)) {
      if (!mm.machine.kernel.reusesLargeFolios || !ownsFolio(mm, frame))
        return copyPage(mm, vma, page, pte)
      frames.flags[frame]! |= FRAME_EXCLUSIVE
      return makeWritable(mm, page, pte)
    }
    if (frames.refs[frame] === 1 && mm.machine.swap.entryOf(frame) === 0) {
      // The only reference is this mapping: the other processes have gone or copied.
      frames.flags[frame]! |= FRAME_EXCLUSIVE
      frames.mapping[frame] = vma.anonVma!.id
      return makeWritable(mm, page, pte)
    }
  }
  return copyPage(mm, vma, page, pte)
}

function makeWritable(mm: MemoryMap, page: number, pte: number): number {
  mm.tables.set(page, pte | PTE_WRITE | PTE_WRITTEN | PTE_YOUNG)
  return FAULT_DONE
}

/** `wp_page_copy`, which also replaces the zero page: a CLEAR event. */
function copyPage(mm: MemoryMap, vma: Vma, page: number, pte: number): number {
  if (mm.machine.scheduler.explorer !== undefined) return FAULT_EVENT
  const frame = copyOf(mm, vma, pte)
  if (frame === 0) return FAULT_OOM
  mm.invalidateStart('clear', page, page + 1)
  install(mm, vma, page, pte, frame)
  mm.invalidateEnd()
  return FAULT_DONE
}

/** The same where others may run between the two passes of the event, and be faster. */
export function* copyPageInPasses(mm: MemoryMap, vma: Vma, page: number): Operation<number> {
  const { frames } = mm.machine
  const pte = mm.tables.get(page)
  const frame = copyOf(mm, vma, pte)
  if (frame === 0) return FAULT_OOM
  // A page that is freed meanwhile could come back, as another one.
  const held = (pte & PTE_SPECIAL) === 0 ? pte & PTE_FRAME : 0
  if (held !== 0) frames.get(held)
  yield* mm.invalidateStartInPasses('clear', page, page + 1)
  // `pte_same`
  if (mm.tables.get(page) === pte) install(mm, vma, page, pte, frame)
  else frames.put(frame)
  if (held !== 0) frames.put(held)
  mm.invalidateEnd()
  return FAULT_DONE
}

/** A page of the process alone with what is in the one that `pte` maps; 0 if there is no memory. */
function copyOf(mm: MemoryMap, vma: Vma, pte: number): number {
  const { frames } = mm.machine
  const frame = frames.allocate(FRAME_ANON | FRAME_EXCLUSIVE)
  if (frame === 0) return 0
  anonPrepare(vma)
  if ((pte & PTE_SPECIAL) === 0) frames.copy(pte & PTE_FRAME, frame)
  return frame
}

/** Maps `frame` in place of what `pte` maps; the caller raised the event. */
function install(mm: MemoryMap, vma: Vma, page: number, pte: number, frame: number): void {
  const { frames } = mm.machine
  frames.maps[frame] = 1
  frames.mapping[frame] = vma.anonVma!.id
  frames.index[frame] = vma.anonOffsetOf(page)
  mm.tables.set(page, PTE_PRESENT | PTE_WRITE | PTE_WRITTEN | PTE_YOUNG | frame)
  if ((pte & PTE_SPECIAL) !== 0) return
  frames.maps[pte & PTE_FRAME]!--
  frames.put(pte & PTE_FRAME)
}
