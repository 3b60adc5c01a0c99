import type { Operation } from '../sim/operation.js'
import { canBeWritable } from './can-be-writable.js'
import type { MemoryMap } from './memory-map.js'
import {
  PTE_DEVICE_EXCLUSIVE,
  PTE_DIRTY,
  PTE_FRAME,
  PTE_PRESENT,
  PTE_SOFT_DIRTY,
  PTE_WAS_DIRTY,
  PTE_WRITE,
  PTE_WRITTEN,
  pteIs,
} from './pte.js'
import type { Vma } from './vma.js'

/** Puts a device-exclusive entry in place of a present writable one; the caller raised the event. */
export function setExclusive(mm: MemoryMap, page: number, pte: number, owner: object): void {
  mm.machine.exclusiveOwners.set(pte & PTE_FRAME, owner)
  const dirty = (pte & PTE_DIRTY) !== 0 ? PTE_WAS_DIRTY : 0
  const kept = pte & (PTE_SOFT_DIRTY | PTE_FRAME)
  mm.tables.set(page, PTE_DEVICE_EXCLUSIVE | PTE_WRITE | dirty | kept)
}

/** Whether `owner` has the page for itself. */
export function isExclusiveOf(mm: MemoryMap, page: number, owner: object): boolean {
  const pte = mm.tables.get(page)
  return (
    pteIs(pte, PTE_DEVICE_EXCLUSIVE) && mm.machine.exclusiveOwners.get(pte & PTE_FRAME) === owner
  )
}

/**
 * The CPU touched a page that a device had for itself (`remove_device_exclusive_entry`): a CLEAR
 * event, and the ordinary entry is back.
 */
export function restoreExclusive(mm: MemoryMap, page: number): void {
  mm.invalidateStart('clear', page, page + 1)
  const vma = mm.vmas.find(page)
  if (vma !== undefined) mm.tables.set(page, restoredPte(vma, mm.tables.get(page)))
  mm.invalidateEnd()
}

/** The same where others may run between the two passes of the event, and be faster. */
export function* restoreExclusiveInPasses(mm: MemoryMap, page: number): Operation<void> {
  const entry = mm.tables.get(page)
  yield* mm.invalidateStartInPasses('clear', page, page + 1)
  const vma = mm.vmas.find(page)
  // `pte_same`
  if (vma !== undefined && mm.tables.get(page) === entry) {
    mm.tables.set(page, restoredPte(vma, entry))
  }
  mm.invalidateEnd()
}

/** The ordinary entry for a device-exclusive one (`restore_exclusive_pte`). */
export function restoredPte(vma: Vma, entry: number): number {
  const dirty = (entry & PTE_WAS_DIRTY) !== 0 ? PTE_DIRTY : 0
  const pte = PTE_PRESENT | dirty | (entry & (PTE_SOFT_DIRTY | PTE_FRAME))
  const writable = (entry & PTE_WRITE) !== 0 && canBeWritable(vma.mm, vma, pte)
  return writable ? pte | PTE_WRITE | PTE_WRITTEN : pte
}
