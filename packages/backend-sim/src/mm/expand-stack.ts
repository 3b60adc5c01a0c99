import type { Operation } from '../sim/operation.js'
import { anonPrepare } from './anon-prepare.js'
import type { MemoryMap } from './memory-map.js'
import { resizeVma } from './vma-operations.js'
import { STACK_GUARD_GAP } from './vma-list.js'
import { VM_ACCESS, VM_GROWSDOWN, type Vma } from './vma.js'

/** RLIMIT_STACK: bytes of a mapping that grows. */
const STACK_LIMIT = 8 * 2 ** 20

/**
 * A touch of the CPU where nothing is mapped: the next mapping grows down to it, if it is one that does
 * (`lock_mm_and_find_vma`). No event. Whether the page is mapped now; the caller holds mmap_lock for reading,
 * before and after. Nobody but the CPU makes a mapping grow: range faults and pins meet a hole.
 */
export function* expandStack(mm: MemoryMap, page: number): Operation<boolean> {
  if (!grows(mm.vmas.next(page))) return false
  mm.lock.releaseRead()
  try {
    yield* mm.lock.write()
    try {
      return expandDownwards(mm, page)
    } finally {
      mm.lock.releaseWrite()
    }
  } finally {
    yield* mm.lock.resume()
  }
}

/** `expand_downwards`: it stays away from what others may touch, and within its limit. */
function expandDownwards(mm: MemoryMap, page: number): boolean {
  const vma = mm.vmas.next(page)
  if (!grows(vma)) return false
  if (vma.start <= page) return true
  const below = mm.vmas.previous(vma.start)
  if (page < mm.low) return false
  if (below !== undefined && (below.flags & VM_GROWSDOWN) === 0) {
    const accessible = (below.flags & VM_ACCESS) !== 0
    if (accessible && page - below.end < STACK_GUARD_GAP) return false
  }
  anonPrepare(vma)
  if (vma.start - page > vma.pgoff) return false
  if ((vma.end - page) * mm.machine.pageSize > STACK_LIMIT) return false
  resizeVma(vma, page, vma.end)
  return true
}

function grows(vma: Vma | undefined): vma is Vma {
  return vma !== undefined && (vma.flags & VM_GROWSDOWN) !== 0
}
