import type { DaxFile } from './dax-file.js'
import { FAULT_DONE, FAULT_OOM, FAULT_SIGBUS } from './fault-code.js'
import { ZERO_FRAME } from './frame-table.js'
import { blockOf, setBlock } from './huge.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_FRAME, PTE_PRESENT, PTE_SPECIAL, PTE_WRITE, PTE_WRITTEN, PTE_YOUNG } from './pte.js'
import { unmapMappingPages } from './unmap-mapping-pages.js'
import { VM_NOHUGEPAGE, VM_WRITE, type Vma } from './vma.js'

/*
 * Faults of a file in persistent memory. What is written is the file's own memory, allocated where there was a
 * hole; what is read of a hole is the zero page, which goes everywhere when the hole is filled: a CLEAR event.
 */

/** The rights of a mapping just made: who watches for the next write has no other way to see it. */
const READ = PTE_PRESENT | PTE_YOUNG
const WRITTEN = READ | PTE_WRITE | PTE_WRITTEN

/**
 * `dax_iomap_pmd_fault`: maps the block around `page` as one, or makes it writable. False where pages have
 * to do: the block is not all of the mapping's and the file's, not one piece, or partly mapped as pages.
 */
export function daxHugeFault(
  mm: MemoryMap,
  vma: Vma,
  file: DaxFile,
  page: number,
  write: boolean,
): boolean {
  const pages = mm.tables.leafPages
  const block = blockOf(mm, page)
  const first = vma.offsetOf(block)
  if ((vma.flags & VM_NOHUGEPAGE) !== 0 || (write && !vma.shared)) return false
  if (block < vma.start || block + pages > vma.end) return false
  if (first % pages !== 0 || first + pages > file.pages || file.hasSmallEntry(first)) return false
  const extent = file.extentOf(first)
  if (extent === 'mixed') return false
  if (extent === 'hole' && !write) {
    const zero = mm.machine.frames.hugeZero(pages)
    if (zero === 0) return false
    file.insertEntry(first, pages, 'zero', false)
    if (mm.tables.leaf(block) === 0) setBlock(mm, block, READ | PTE_SPECIAL | zero)
    return true
  }
  const frame = file.findOrCreateBlock(first)
  if (frame === 0) return false
  replaceZero(file, first, pages)
  file.insertEntry(first, pages, 'page', write)
  const { refs, maps } = mm.machine.frames
  if (mm.tables.leaf(block) === 0) {
    for (let i = frame; i < frame + pages; i++) {
      refs[i]!++
      maps[i]!++
    }
  }
  setBlock(mm, block, (write ? rights(vma) : READ) | frame)
  return true
}

/** `dax_iomap_pte_fault`, of a private mapping only to read. */
export function daxFault(
  mm: MemoryMap,
  vma: Vma,
  file: DaxFile,
  page: number,
  write: boolean,
): number {
  const offset = vma.offsetOf(page)
  if (offset >= file.pages) return FAULT_SIGBUS
  grabEntry(file, offset)
  if (!write && file.isHole(offset)) {
    file.insertEntry(offset, 1, 'zero', false)
    mm.tables.set(page, READ | PTE_SPECIAL | ZERO_FRAME)
    return FAULT_DONE
  }
  const frame = file.findOrCreate(offset)
  if (frame === 0) return FAULT_OOM
  replaceZero(file, offset, 1)
  file.insertEntry(offset, 1, 'page', write)
  const pte = mm.tables.get(page)
  if ((pte & PTE_PRESENT) === 0 || (pte & PTE_FRAME) !== frame) {
    mm.machine.frames.get(frame)
    mm.machine.frames.maps[frame]!++
  }
  mm.tables.set(page, (write ? rights(vma) : READ) | frame)
  return FAULT_DONE
}

/** What a private mapping is about to copy (`dax_fault_cow_page`): its frame, 0 for zeros. */
export function daxCopySource(file: DaxFile, offset: number): number {
  grabEntry(file, offset)
  if (file.entryAt(offset) === undefined) file.insertEntry(offset, 1, 'empty', false)
  return file.isHole(offset) ? 0 : file.findOrCreate(offset)
}

/** `grab_mapping_entry` of a page: a block of zeros becomes pages again, everywhere. */
function grabEntry(file: DaxFile, offset: number): void {
  const entry = file.entryAt(offset)
  if (entry === undefined || entry.pages === 1 || entry.kind === 'page') return
  unmapMappingPages(file, entry.first, entry.first + entry.pages)
  file.dropEntryAt(offset)
}

/** The zero page goes where the file has memory now (`dax_insert_entry`). */
function replaceZero(file: DaxFile, first: number, pages: number): void {
  if (file.entryAt(first)?.kind === 'zero') unmapMappingPages(file, first, first + pages)
}

function rights(vma: Vma): number {
  return (vma.flags & VM_WRITE) !== 0 ? WRITTEN : READ
}
