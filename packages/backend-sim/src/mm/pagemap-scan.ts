import type { Operation } from '../sim/operation.js'
import { blockOf, splitHugeInPasses } from './huge.js'
import { hugetlbBlock, hugetlbFile, isHugetlb } from './hugetlb.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_MARKER, PTE_PRESENT, PTE_UFFD_WP, PTE_WRITE, pteIs } from './pte.js'
import { protectUserfault } from './userfaultfd-protect.js'
import { VM_UFFD_WP, type Vma } from './vma.js'

/**
 * `PAGEMAP_SCAN` with PM_SCAN_WP_MATCHING: 1 for each page of `[start, end)` that was written since it was
 * protected, which it is again from now on. One PROTECTION_VMA event over all of it, whatever is there; only
 * mappings whose userfaultfd notes writes are looked at. A page that is missing counts as written.
 */
export function* pagemapScan(mm: MemoryMap, start: number, end: number): Operation<Uint8Array> {
  const { scheduler } = mm.machine
  const written = new Uint8Array(end - start)
  yield* mm.lock.read()
  try {
    yield* mm.invalidateStartInPasses('protection-vma', start, end)
    if (scheduler.stopsAt('notifier-start', mm)) yield scheduler.stop
    for (const vma of mm.vmas.overlapping(start, end)) {
      if ((vma.flags & VM_UFFD_WP) === 0 || vma.userfaultfd?.asynchronous !== true) continue
      const from = Math.max(start, vma.start)
      const to = Math.min(end, vma.end)
      if (isHugetlb(vma)) scanHugetlb(vma, from, to, written, start)
      else yield* scanVma(vma, from, to, written, start)
    }
    mm.invalidateEnd()
    return written
  } finally {
    mm.lock.releaseRead()
  }
}

function* scanVma(
  vma: Vma,
  from: number,
  to: number,
  written: Uint8Array,
  start: number,
): Operation<void> {
  const { mm } = vma
  const { tables, machine } = mm
  const { scheduler } = machine
  for (let page = from; page < to;) {
    const stop = Math.min(blockOf(mm, page) + tables.leafPages, to)
    if (tables.leaf(page) === 0) {
      // `pagemap_scan_pte_hole`: tables are made for the marks.
      written.fill(1, page - start, stop - start)
      yield* protectUserfault(vma, page, stop, true)
    } else {
      const part = stop - page < tables.leafPages
      const changed = (tables.get(page) & PTE_UFFD_WP) === 0
      if (part && changed && tables.isHuge(page)) yield* splitHugeInPasses(mm, page)
      for (let at = page; at < stop; at++) if (protectPage(mm, at)) written[at - start] = 1
    }
    if (scheduler.stopsAt('page-table', mm)) yield scheduler.stop
    page = stop
  }
}

/** `make_uffd_wp_pte`; whether the page was written. */
function protectPage({ tables }: MemoryMap, page: number): boolean {
  const pte = tables.get(page)
  if ((pte & PTE_UFFD_WP) !== 0) return false
  if (pte === 0) tables.set(page, PTE_MARKER | PTE_UFFD_WP)
  else if ((pte & PTE_PRESENT) !== 0) tables.set(page, (pte & ~PTE_WRITE) | PTE_UFFD_WP)
  // A guard stays one.
  else if (!pteIs(pte, PTE_MARKER)) tables.set(page, pte | PTE_UFFD_WP)
  return true
}

/** `pagemap_scan_hugetlb_entry`: whole huge pages that are there. */
function scanHugetlb(vma: Vma, from: number, to: number, written: Uint8Array, start: number): void {
  const { mm } = vma
  const { pages } = hugetlbFile(vma).pool
  for (let block = hugetlbBlock(vma, from); block < to; block += pages) {
    const whole = block >= from && block + pages <= to
    if (!whole || (mm.tables.get(block) & PTE_PRESENT) === 0) continue
    for (let page = block; page < block + pages; page++) {
      if (protectPage(mm, page)) written[page - start] = 1
    }
  }
}
