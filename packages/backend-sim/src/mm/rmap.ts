import type { Machine } from '../sim/machine.js'
import type { Operation } from '../sim/operation.js'
import { FRAME_DIRTY, FRAME_EXCLUSIVE, isDevicePrivate } from './frame-table.js'
import { splitHugeInPasses } from './huge.js'
import type { MemoryMap } from './memory-map.js'
import {
  PTE_DEVICE_EXCLUSIVE,
  PTE_DEVICE_PRIVATE,
  PTE_DIRTY,
  PTE_FRAME,
  PTE_KIND,
  PTE_MARKER,
  PTE_MIGRATION,
  PTE_PRESENT,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_UFFD_WP,
  PTE_WAS_DIRTY,
  PTE_WRITE,
  PTE_WRITTEN,
  PTE_YOUNG,
  pteIs,
} from './pte.js'
import { VM_UFFD_WP, type Vma } from './vma.js'

/** Whether `pte` maps `frame`: present, device-private or device-exclusive. */
export function pteMaps(pte: number, frame: number): boolean {
  if ((pte & PTE_FRAME) !== frame) return false
  if ((pte & PTE_PRESENT) !== 0) return (pte & PTE_SPECIAL) === 0
  const kind = pte & PTE_KIND
  return kind === PTE_DEVICE_PRIVATE || kind === PTE_DEVICE_EXCLUSIVE
}

/** Calls `visit` for each page table entry that maps `frame`. */
export function walkMappings(
  machine: Machine,
  frame: number,
  visit: (vma: Vma, page: number, pte: number) => void,
): void {
  const { frames, reverseMap } = machine
  reverseMap.walk(frames.mapping[frame]!, frames.index[frame]!, (vma, page) => {
    const pte = vma.mm.tables.get(page)
    if (pteMaps(pte, frame)) visit(vma, page, pte)
  })
}

/** The migration entry that stands for `pte`. */
export function migrationEntry(pte: number): number {
  const present = (pte & PTE_PRESENT) !== 0
  const dirty = (pte & (present ? PTE_DIRTY : PTE_WAS_DIRTY)) !== 0 ? PTE_WAS_DIRTY : 0
  // A page that a device has to itself comes back for reading; the next write finds it is the process's own.
  const write = pteIs(pte, PTE_DEVICE_EXCLUSIVE) ? 0 : PTE_WRITE
  const kept = write | PTE_UFFD_WP | PTE_SOFT_DIRTY | PTE_FRAME
  return PTE_MIGRATION | (pte & kept) | dirty
}

/** Replaces a mapping of a locked frame by a migration entry; the caller raised the event. */
export function setMigrationEntry(mm: MemoryMap, page: number, pte: number): void {
  const frames = mm.machine.frames
  const frame = pte & PTE_FRAME
  mm.tables.set(page, migrationEntry(pte))
  frames.maps[frame]!--
  frames.put(frame)
}

/**
 * Every mapping of a locked frame becomes a migration entry (`try_to_migrate`). Whoever maps it
 * while others run between the two passes of an event stays, and so does the page.
 */
export function* tryToMigrate(machine: Machine, frame: number): Operation<void> {
  yield* unmapEach(machine, frame, (mm, page, pte) => {
    setMigrationEntry(mm, page, pte)
    return true
  })
}

/**
 * Calls `change` for each mapping of a locked frame until there is none left, or it says no. A CLEAR
 * event for each place where the frame may be mapped, before it is looked whether it is.
 */
function* unmapEach(
  machine: Machine,
  frame: number,
  change: (mm: MemoryMap, page: number, pte: number) => boolean,
): Operation<void> {
  const { frames, reverseMap } = machine
  for (const [{ mm }, page] of reverseMap.places(frames.mapping[frame]!, frames.index[frame]!)) {
    if (frames.maps[frame] === 0) return
    if (pteMaps(mm.tables.get(page), frame)) yield* splitHugeInPasses(mm, page)
    yield* mm.invalidateStartInPasses('clear', page, page + 1)
    const pte = mm.tables.get(page)
    const goesOn = !pteMaps(pte, frame) || change(mm, page, pte)
    mm.invalidateEnd()
    if (!goesOn) return
  }
}

/** Migration entries of `from` become mappings of `to`, which may be the same (`remove_migration_ptes`). */
export function removeMigrationEntries(machine: Machine, from: number, to: number): void {
  const { frames, reverseMap } = machine
  const device = isDevicePrivate(frames.flags[to]!)
  reverseMap.walk(frames.mapping[from]!, frames.index[from]!, (vma, page) => {
    const { tables } = vma.mm
    const entry = tables.get(page)
    if (!pteIs(entry, PTE_MIGRATION) || (entry & PTE_FRAME) !== from) return
    frames.get(to)
    frames.maps[to]!++
    if (device) {
      if ((entry & PTE_WAS_DIRTY) !== 0) frames.flags[to]! |= FRAME_DIRTY
      tables.set(page, PTE_DEVICE_PRIVATE | (entry & KEPT) | to)
    } else tables.set(page, presentEntry(entry, to))
  })
}

const KEPT = PTE_WRITE | PTE_UFFD_WP | PTE_SOFT_DIRTY

/** What maps `frame` in place of a migration entry. */
export function presentEntry(entry: number, frame: number): number {
  const written = (entry & PTE_WAS_DIRTY) !== 0 ? PTE_WRITTEN : 0
  // A scan of pages that are on their way marks writable entries, too: they count as written again.
  const kept = (entry & PTE_WRITE) !== 0 ? KEPT & ~PTE_UFFD_WP : KEPT
  return PTE_PRESENT | PTE_YOUNG | (entry & kept) | written | frame
}

/**
 * Every mapping of a locked frame becomes what `entryOf` gives (a swap or poison entry), or nothing
 * for 0; undefined leaves this one and all that follow (`try_to_unmap`).
 */
export function* tryToUnmap(
  machine: Machine,
  frame: number,
  entryOf: (pte: number) => number | undefined,
): Operation<void> {
  const { frames, swap } = machine
  yield* unmapEach(machine, frame, (mm, page, pte) => {
    const entry = entryOf(pte)
    if (entry === undefined) return false
    if ((pte & PTE_DIRTY) !== 0) frames.flags[frame]! |= FRAME_DIRTY
    const guarded = pte & PTE_UFFD_WP
    const kept = pte & (PTE_UFFD_WP | PTE_SOFT_DIRTY)
    mm.tables.set(page, entry === 0 ? markerOf(mm, page, guarded) : entry | kept)
    if (pteIs(entry, PTE_SWAP)) swap.get(entry & PTE_FRAME)
    frames.maps[frame]!--
    frames.put(frame)
    return true
  })
}

/** The first mapping stays, and ends the walk (`walk_abort` of `try_to_unmap_one`): events, and nothing else. */
export function* failToUnmap(machine: Machine, frame: number): Operation<void> {
  const { frames, reverseMap } = machine
  for (const [{ mm }, page] of reverseMap.places(frames.mapping[frame]!, frames.index[frame]!)) {
    yield* mm.invalidateStartInPasses('clear', page, page + 1)
    const found = pteMaps(mm.tables.get(page), frame)
    mm.invalidateEnd()
    if (found) return
  }
}

/**
 * What stays of a page that is unmapped but not gone (`pte_install_uffd_wp_if_needed`): of a file's
 * page that userfaultfd write-protects the mark, so that it is protected when it comes back.
 */
function markerOf(mm: MemoryMap, page: number, guarded: number): number {
  if (guarded === 0) return 0
  const vma = mm.vmas.find(page)
  const keeps = vma?.file !== undefined && (vma.flags & VM_UFFD_WP) !== 0
  return keeps ? PTE_MARKER | guarded : 0
}

/** Whether only one process has the anonymous frame. */
export function isExclusive(machine: Machine, frame: number): boolean {
  return (machine.frames.flags[frame]! & FRAME_EXCLUSIVE) !== 0
}
