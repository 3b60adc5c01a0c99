import type { Machine } from '../sim/machine.js'
import type { Operation } from '../sim/operation.js'
import { anonPrepare } from './anon-prepare.js'
import type { DevPagemap } from './dev-pagemap.js'
import { FRAME_ANON, FRAME_EXCLUSIVE, FRAME_LOCKED, isDevicePrivate } from './frame-table.js'
import { blockPinned, mapBlock } from './huge.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_DEVICE_PRIVATE, PTE_FRAME, PTE_SPECIAL, PTE_WRITE, pteIs, ptePresent } from './pte.js'
import { pteMaps, setMigrationEntry, tryToMigrate } from './rmap.js'
import { VM_UFFD_MISSING, VM_WRITE, type Vma } from './vma.js'

/*
 * Migration of whole blocks (huge pages): what `MIGRATE_VMA_SELECT_COMPOUND` allows. A block in a
 * device's memory is a huge mapping as well, whose entries are device-private.
 */

/** First frame of the block that is mapped as one at `start`; 0 for a hole or the huge zero page. */
export function blockAt(mm: MemoryMap, start: number): number {
  const pte = mm.tables.get(start)
  return ptePresent(pte) && (pte & PTE_SPECIAL) !== 0 ? 0 : pte & PTE_FRAME
}

/** Whether there is a block, or room for one, at `start`, and a migration would take it. */
export function blockMoves(
  mm: MemoryMap,
  vma: Vma,
  start: number,
  to: 'device' | 'system',
  pagemap: DevPagemap,
): boolean {
  const { tables, machine } = mm
  if ((start & tables.mask) !== 0) return false
  if (tables.leaf(start) === 0) return to === 'device' && vma.anonymous
  if (!tables.isHuge(start)) return false
  const pte = tables.get(start)
  if (ptePresent(pte)) {
    if (to !== 'device') return false
    return (pte & PTE_SPECIAL) !== 0 ? vma.anonymous : !blockPinned(mm, start)
  }
  if (to === 'device' || !pteIs(pte, PTE_DEVICE_PRIVATE)) return false
  return machine.frames.pagemapOf(pte & PTE_FRAME) === pagemap
}

/** Locks and references the block at `start`, and puts migration entries in its place. */
export function isolateBlock(mm: MemoryMap, start: number): void {
  const { frames } = mm.machine
  for (let page = start; page < start + mm.tables.leafPages; page++) {
    const pte = mm.tables.get(page)
    const frame = pte & PTE_FRAME
    frames.flags[frame]! |= FRAME_LOCKED
    frames.get(frame)
    setMigrationEntry(mm, page, pte)
  }
}

/** Every mapping of the locked block becomes migration entries, a huge one stays one. */
export function* tryToMigrateBlock(
  machine: Machine,
  first: number,
  pages: number,
): Operation<void> {
  const { frames, reverseMap } = machine
  for (const [vma, page] of reverseMap.places(frames.mapping[first]!, frames.index[first]!)) {
    if (frames.maps[first] === 0) break
    const { mm } = vma
    const count = Math.min(pages, vma.end - page)
    yield* mm.invalidateStartInPasses('clear', page, page + count)
    for (let i = 0; i < count; i++) {
      const pte = mm.tables.get(page + i)
      if (pteMaps(pte, first + i)) setMigrationEntry(mm, page + i, pte)
    }
    mm.invalidateEnd()
  }
  // Mappings that have only later pages of it.
  for (let i = 1; i < pages; i++) {
    if (machine.frames.maps[first + i] !== 0) yield* tryToMigrate(machine, first + i)
  }
}

/** `migrate_vma_insert_huge_pmd_page`: maps the block from `first` on where there is nothing. */
export function insertBlock(mm: MemoryMap, vma: Vma, start: number, first: number): boolean {
  const { tables, machine } = mm
  const { frames } = machine
  const empty = tables.leaf(start) === 0 || (tables.isHuge(start) && blockAt(mm, start) === 0)
  if (mm.unstable || !empty || (vma.flags & VM_UFFD_MISSING) !== 0) return false
  anonPrepare(vma)
  const pages = tables.leafPages
  for (let frame = first; frame < first + pages; frame++) {
    frames.flags[frame]! |= FRAME_ANON | FRAME_EXCLUSIVE
  }
  mapBlock(mm, vma, start, first)
  const device = isDevicePrivate(frames.flags[first]!)
  const write = (vma.flags & VM_WRITE) !== 0 ? PTE_WRITE : 0
  const leaf = tables.leaf(start)
  for (let i = 0; device && i < pages; i++) {
    tables.arena.words[leaf + i] = PTE_DEVICE_PRIVATE | write | (first + i)
  }
  return true
}
