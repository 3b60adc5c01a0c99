import { POINT_PAGE_TABLE } from '../sim/failure-point.js'
import { anonPrepare } from './anon-prepare.js'
import { FRAME_ANON, FRAME_EXCLUSIVE } from './frame-table.js'
import { hugeFault, mayBeHuge } from './huge.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_PRESENT, PTE_WRITE, PTE_WRITTEN, PTE_YOUNG } from './pte.js'
import { VM_UFFD_MISSING, type Vma } from './vma.js'

/**
 * Write faults of the empty entries of private anonymous memory from `page` on, a leaf at a time:
 * the same as `handleMmFault` for each, without a walk for each. The first page that is not such
 * or is `end`; `-1 - page` for a page without memory.
 */
export function fillAnonymous(mm: MemoryMap, vma: Vma, page: number, end: number): number {
  if (vma.file !== undefined || mm.unstable || (vma.flags & VM_UFFD_MISSING) !== 0) return page
  const { tables, machine } = mm
  if (vma.anonVma === undefined) {
    if (tables.get(page) !== 0) return page
    anonPrepare(vma)
  }
  const { frames } = machine
  const mapping = vma.anonVma!.id
  const present = PTE_PRESENT | PTE_WRITE | PTE_WRITTEN | PTE_YOUNG | 0
  const flags = FRAME_ANON | FRAME_EXCLUSIVE
  let at = page
  while (at < end) {
    const offset = at & tables.mask
    if (tables.leaf(at) === 0 && mayBeHuge(mm, vma, at, false)) {
      if (hugeFault(mm, vma, at, true)) {
        at = Math.min(end, at - offset + tables.mask + 1)
        continue
      }
      // Counted as tried: the small pages come without another try.
    }
    if (tables.leaf(at) === 0 && machine.failures.fails(POINT_PAGE_TABLE)) return -1 - at
    const leaf = tables.ensureLeaf(at) + offset
    const words = tables.arena.words
    const count = Math.min(tables.mask + 1 - offset, end - at)
    const index = at - vma.start + vma.pgoff
    for (let i = 0; i < count; i++) {
      if (words[leaf + i] !== 0) return at + i
      const frame = frames.allocate(flags)
      if (frame === 0) return -1 - (at + i)
      frames.maps[frame] = 1
      frames.mapping[frame] = mapping
      frames.index[frame] = index + i
      words[leaf + i] = present | frame
    }
    at += count
  }
  return end
}
