import { HmmError } from '@hmm-sdk/hmm-api'
import type { DriverPages } from '@hmm-sdk/hmm-api/raw'
import { PTE_PRESENT, PTE_SPECIAL, PTE_WRITE, PTE_YOUNG } from './pte.js'
import { VM_BARE, VM_IO, VM_MIXEDMAP, VM_PFNMAP, VM_WRITE, type Vma } from './vma.js'

const FLAGS = { inserted: VM_MIXEDMAP, io: VM_IO | VM_PFNMAP, bare: VM_MIXEDMAP | VM_BARE } as const

/**
 * What the `mmap` of a driver does for each page of the mapping: a page of its own is there at once
 * (`vm_insert_page`), to be written where the mapping is shared; or a mapping of one is that knows nothing of
 * its page (`remap_pfn_range`, `vmf_insert_mixed`). ENOMEM: there is no page.
 */
export function insertPages(vma: Vma, kind: DriverPages): void {
  const { frames } = vma.mm.machine
  const { tables } = vma.mm
  vma.flags |= FLAGS[kind]
  const write = vma.shared && (vma.flags & VM_WRITE) !== 0 ? PTE_WRITE : 0
  for (let page = vma.start; page < vma.end; page++) {
    const frame = vma.file!.findOrCreate(vma.offsetOf(page))
    if (frame === 0)
      throw new HmmError('ENOMEM', { message: 'the driver has no memory for a page' })
    if (kind === 'inserted') {
      frames.get(frame)
      frames.maps[frame]!++
    }
    tables.arena.words[tables.ensureLeaf(page) + (page & tables.mask)] =
      PTE_PRESENT | PTE_YOUNG | (kind === 'inserted' ? write : PTE_SPECIAL) | frame
  }
}
