import type { Operation } from '../sim/operation.js'
import { canBeWritable } from './can-be-writable.js'
import { splitHugeUnlessWhole } from './huge.js'
import { isHugetlb, protectHugetlb } from './hugetlb.js'
import type { MemoryMap } from './memory-map.js'
import {
  PTE_DEVICE_PRIVATE,
  PTE_KIND,
  PTE_MIGRATION,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_WRITE,
} from './pte.js'
import { populate } from './populate.js'
import { isolateVmas, mappedParts, mergeVma } from './vma-operations.js'
import { VM_ACCESS, VM_ACCOUNT, VM_LOCKED, VM_WRITE, VM_SHARED, type Vma } from './vma.js'

/**
 * `mprotect` of `[start, end)`. ENOMEM at the first page that is not mapped; what comes before it
 * is changed. PROTECTION_VMA events only where page tables exist.
 */
export function* mprotect(
  mm: MemoryMap,
  start: number,
  end: number,
  protection: number,
): Operation<void> {
  yield* mm.lock.write()
  try {
    for (const [vma, from, to] of mappedParts(mm, start, end))
      yield* protectVma(mm, vma, from, to, protection)
  } finally {
    mm.lock.releaseWrite()
  }
}

/** `mprotect_fixup`: nothing happens where the rights are the same. */
function* protectVma(
  mm: MemoryMap,
  vma: Vma,
  start: number,
  end: number,
  protection: number,
): Operation<void> {
  const before = vma.flags
  let flags = (before & ~VM_ACCESS) | protection
  if (flags === before) return
  if ((flags & VM_WRITE) !== 0) {
    if ((before & (VM_WRITE | VM_SHARED)) === 0) flags |= VM_ACCOUNT
  } else if (vma.anonymous && vma.anonVma === undefined) flags &= ~VM_ACCOUNT
  const [part] = isolateVmas(mm, start, end)
  part!.flags = flags
  const merged = mergeVma(part!)
  if (isHugetlb(merged)) {
    yield* protectHugetlb(merged, start, end)
    return
  }
  yield* changeProtection(mm, start, end, (at) => changeEntry(mm, merged, at))
  const wasLocked = (before & (VM_WRITE | VM_SHARED | VM_LOCKED)) === VM_LOCKED
  // Pages that are locked do not wait for a write to become the process's own.
  if (wasLocked && (flags & VM_WRITE) !== 0) yield* populate(mm, start, end)
}

/**
 * `change_protection`: calls `change` with the word of each entry that is not empty, or of all. One
 * PROTECTION_VMA event for each part of 512 GiB that has page tables.
 */
export function* changeProtection(
  mm: MemoryMap,
  start: number,
  end: number,
  change: (at: number) => void,
  emptyToo = false,
): Operation<void> {
  const { tables, machine } = mm
  const { scheduler } = machine
  const span = tables.pgdPages
  for (let from = start; from < end;) {
    const to = Math.min(end, (Math.floor(from / span) + 1) * span)
    const first = tables.nextPud(from, to)
    if (first < to) {
      yield* mm.invalidateStartInPasses('protection-vma', first, to)
      if (scheduler.stopsAt('notifier-start', mm)) yield scheduler.stop
      for (let page = tables.nextLeaf(first, to); page < to; page = tables.nextLeaf(page, to)) {
        const offset = page & tables.mask
        const count = Math.min(tables.mask + 1 - offset, to - page)
        yield* splitHugeUnlessWhole(mm, page, page + count)
        // A part of a file's block is not mapped any more.
        const leaf = tables.leaf(page)
        const { words } = tables.arena
        const first = leaf + offset
        const last = leaf === 0 ? first : first + count
        for (let at = first; at < last; at++) if (emptyToo || words[at] !== 0) change(at)
        if (scheduler.stopsAt('page-table', mm)) yield scheduler.stop
        page += count
      }
      mm.invalidateEnd()
    }
    from = to
  }
}

function changeEntry(mm: MemoryMap, vma: Vma, at: number): void {
  const { words } = mm.tables.arena
  const pte = words[at]!
  if ((pte & PTE_PRESENT) !== 0) {
    const bare = pte & ~(PTE_WRITE | PTE_PROTNONE)
    words[at] = canBeWritable(mm, vma, pte) ? bare | PTE_WRITE : bare
    return
  }
  const kind = pte & PTE_KIND
  // Whatever the new rights are: a write fault finds out (`change_softleaf_pte`).
  if (kind === PTE_MIGRATION || kind === PTE_DEVICE_PRIVATE) words[at] = pte & ~PTE_WRITE
}
