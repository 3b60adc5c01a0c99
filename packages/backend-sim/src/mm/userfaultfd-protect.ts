import type { Operation } from '../sim/operation.js'
import { canBeWritable } from './can-be-writable.js'
import { isHugetlb, protectHugetlb } from './hugetlb.js'
import { changeProtection } from './mprotect.js'
import {
  PTE_DEVICE_PRIVATE,
  PTE_HWPOISON,
  PTE_KIND,
  PTE_MARKER,
  PTE_MIGRATION,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_UFFD_WP,
  PTE_WRITE,
} from './pte.js'
import type { Vma } from './vma.js'

/**
 * `uffd_wp_range`: write-protects `[start, end)` of one mapping, or takes that back. PROTECTION_VMA
 * events; pages that are missing get a marker, so the first may make page tables.
 */
export function* protectUserfault(
  vma: Vma,
  start: number,
  end: number,
  protect: boolean,
): Operation<void> {
  if (isHugetlb(vma)) {
    yield* protectHugetlb(vma, start, end, protect)
    return
  }
  const { mm } = vma
  const { tables } = mm
  if (protect) {
    for (let page = start; page < end; page += tables.leafPages - (page & tables.mask)) {
      tables.ensureLeaf(page)
    }
  }
  yield* changeProtection(mm, start, end, (at) => change(vma, at, protect), protect)
}

function change(vma: Vma, at: number, protect: boolean): void {
  const { words } = vma.mm.tables.arena
  const pte = words[at]!
  if ((pte & PTE_PRESENT) !== 0) {
    const bare = pte & ~(PTE_WRITE | PTE_PROTNONE | PTE_UFFD_WP)
    if (protect) words[at] = bare | PTE_UFFD_WP
    else words[at] = canBeWritable(vma.mm, vma, bare) ? bare | PTE_WRITE : bare
    return
  }
  if (pte === 0) {
    if (protect) words[at] = PTE_MARKER | PTE_UFFD_WP
    return
  }
  const kind = pte & PTE_KIND
  if (kind === PTE_HWPOISON) return
  if (kind === PTE_MARKER) {
    if (!protect && (pte & PTE_UFFD_WP) !== 0) words[at] = 0
    return
  }
  // Whatever the rights are now: a write fault finds out.
  const moving = kind === PTE_MIGRATION || kind === PTE_DEVICE_PRIVATE
  const rest = moving ? pte & ~PTE_WRITE : pte
  words[at] = protect ? rest | PTE_UFFD_WP : rest & ~PTE_UFFD_WP
}
