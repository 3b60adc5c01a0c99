import { IOPTE_EXCLUSIVE, IOPTE_FRAME, IOPTE_WRITE } from '../dma/iopte.js'
import type { SimMirror } from '../hmm/mirror.js'
import type { MemoryFile } from '../mm/memory-file.js'
import type { MemoryMap } from '../mm/memory-map.js'
import {
  PTE_DEVICE_EXCLUSIVE,
  PTE_FRAME,
  PTE_PRESENT,
  PTE_SPECIAL,
  PTE_WRITE,
  pteIs,
} from '../mm/pte.js'
import { pteMaps } from '../mm/rmap.js'
import type { Simulation } from './simulation.js'

/**
 * What must hold between calls: reference counts are what page tables and caches add up to, and a
 * device reaches nothing through a mirror that the process does not have there now. Each problem
 * is a sentence; none is the only good answer. Costs a walk over everything.
 */
export function consistencyProblems(simulation: Simulation): string[] {
  const problems: string[] = []
  const maps = new Map<number, number>()
  const files = new Set<MemoryFile>([...simulation.files].map(({ file }) => file))
  for (const space of simulation.spaces) {
    if (!space.mm.alive) continue
    for (const vma of space.mm.vmas) if (vma.file !== undefined) files.add(vma.file)
    problems.push(...tornBlocks(space.mm))
    forEachMapping(space.mm, (frame) => maps.set(frame, (maps.get(frame) ?? 0) + 1))
  }
  const cached = new Set<number>()
  for (const file of files) for (const frame of file.cached()) cached.add(frame)
  const { frames } = simulation.machine
  for (const [frame, count] of maps) {
    const expected = count + (cached.has(frame) ? 1 : 0)
    if (frames.maps[frame] !== count) {
      problems.push(`frame ${frame} counts ${frames.maps[frame]} mappings, it has ${count}`)
    }
    if (frames.refs[frame]! < expected) {
      problems.push(`frame ${frame} has ${frames.refs[frame]} references, it needs ${expected}`)
    }
  }
  for (const device of simulation.devices) {
    for (const mirror of device.mirrors) problems.push(...staleLinks(mirror))
  }
  return problems
}

/** Pages that the device of `mirror` can reach although the process has something else there. */
function staleLinks(mirror: SimMirror): string[] {
  const problems: string[] = []
  mirror.dma.forEachLinked((index, entry) => {
    const page = mirror.startPage + index
    const where = `mirror ${mirror.id}, page 0x${page.toString(16)}`
    const pte = mirror.mm.alive ? mirror.mm.tables.get(page) : 0
    const frame = entry & IOPTE_FRAME
    const zero = (pte & PTE_PRESENT) !== 0 && (pte & PTE_SPECIAL) !== 0
    if (!(zero && (pte & PTE_FRAME) === frame) && !pteMaps(pte, frame)) {
      problems.push(`${where}: the device reaches a page that the process does not have there`)
    } else if ((entry & IOPTE_WRITE) !== 0 && (pte & PTE_WRITE) === 0) {
      problems.push(`${where}: the device may write what the process may not`)
    } else if ((entry & IOPTE_EXCLUSIVE) !== 0 && !pteIs(pte, PTE_DEVICE_EXCLUSIVE)) {
      problems.push(`${where}: the device thinks that it has the page for itself`)
    }
  })
  return problems
}

/** Huge mappings whose pages are not adjoining, or have different rights. */
function tornBlocks(mm: MemoryMap): string[] {
  const problems: string[] = []
  const { tables } = mm
  const rights = PTE_FRAME | PTE_PRESENT | PTE_WRITE | PTE_SPECIAL
  for (const vma of mm.vmas) {
    for (let page = tables.nextLeaf(vma.start, vma.end); page < vma.end;) {
      const block = page - (page & tables.mask)
      if (tables.isHuge(page)) {
        if (block < vma.start || block + tables.leafPages > vma.end) {
          problems.push(`page 0x${block.toString(16)}: a huge mapping reaches over its area's end`)
        }
        const first = tables.get(block) & rights
        for (let i = 1; i < tables.leafPages; i++) {
          if (((tables.get(block + i) & rights) | 0) === ((first + i) | 0)) continue
          problems.push(`page 0x${(block + i).toString(16)}: does not fit its huge mapping`)
          break
        }
      }
      page = tables.nextLeaf(block + tables.leafPages, vma.end)
    }
  }
  return problems
}

function forEachMapping(mm: MemoryMap, visit: (frame: number) => void): void {
  for (const vma of mm.vmas) {
    const { tables } = mm
    for (let page = tables.nextLeaf(vma.start, vma.end); page < vma.end;) {
      const stop = Math.min(page - (page & tables.mask) + tables.mask + 1, vma.end)
      for (; page < stop; page++) {
        const pte = tables.get(page)
        if (pte !== 0 && pteMaps(pte, pte & PTE_FRAME)) visit(pte & PTE_FRAME)
      }
      page = tables.nextLeaf(page, vma.end)
    }
  }
}
