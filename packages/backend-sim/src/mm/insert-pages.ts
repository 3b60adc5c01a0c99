import { HmmError } from '@hmm-sdk/hmm-api'
import { PTE_PRESENT, PTE_WRITE, PTE_YOUNG } from './pte.js'
import { VM_MIXEDMAP, VM_WRITE, type Vma } from './vma.js'

/**
 * What the `mmap` of a driver does for each page of the mapping: a page of its own is there at once
 * (`vm_insert_page`), to be written where the mapping is shared. ENOMEM: there is no page.
 */
export function insertPages(vma: Vma): void {
  const { frames } = vma.mm.machine
  const { tables } = vma.mm
  vma.flags |= VM_MIXEDMAP
  const write = vma.shared && (vma.flags & VM_WRITE) !== 0 ? PTE_WRITE : 0
  for (let page = vma.start; page < vma.end; page++) {
    const frame = vma.file!.findOrCreate(vma.offsetOf(page))
    if (frame === 0)
      throw new HmmError('ENOMEM', { message: 'the driver has no memory for a page' })
    frames.get(frame)
    frames.maps[frame]!++
    tables.arena.words[tables.ensureLeaf(page) + (page & tables.mask)] =
      PTE_PRESENT | PTE_YOUNG | write | frame
  }
}
