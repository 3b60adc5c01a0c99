import { HmmError } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import { FAULT_DONE, FAULT_OOM } from './fault-code.js'
import type { MemoryMap } from './memory-map.js'
import { populate } from './populate.js'
import { isolateVmas, mappedParts, mergeVma } from './vma-operations.js'
import { VM_HUGETLB, VM_IO, VM_LOCKED, VM_MIXEDMAP, VM_PFNMAP, type Vma } from './vma.js'

/** `mlock`: no event of its own; what it faults in raises those of a write fault. */
export function* mlock(mm: MemoryMap, start: number, end: number): Operation<void> {
  yield* setLocked(mm, start, end, true)
  const code = yield* populateLocked(mm, start, end)
  if (code === FAULT_DONE) return
  if (code === FAULT_OOM) throw new HmmError('EAGAIN', { message: 'the machine has no memory' })
  throw new HmmError('ENOMEM', {
    message:
      'a page of the range cannot be had: it has no right to be touched, or nothing behind it',
    retryable: false,
  })
}

/** `munlock`: no event. */
export function* munlock(mm: MemoryMap, start: number, end: number): Operation<void> {
  yield* setLocked(mm, start, end, false)
}

/**
 * Faults in what is mapped of `[start, end)` (`__mm_populate`), up to the first page that cannot be had: the
 * code of its fault.
 */
export function* populateLocked(mm: MemoryMap, start: number, end: number): Operation<number> {
  yield* mm.lock.read()
  try {
    for (let page = start; page < end;) {
      const vma = mm.vmas.next(page)
      if (vma === undefined || vma.start >= end) break
      const stop = Math.min(vma.end, end)
      if ((vma.flags & (VM_IO | VM_PFNMAP)) === 0) {
        const code = yield* populate(mm, Math.max(page, vma.start), stop, true)
        if (code !== FAULT_DONE) return code
      }
      page = stop
    }
    return FAULT_DONE
  } finally {
    mm.lock.releaseRead()
  }
}

/** `apply_vma_lock_flags`: ENOMEM at the first page that is not mapped; what comes before it is changed. */
function* setLocked(mm: MemoryMap, start: number, end: number, locked: boolean): Operation<void> {
  yield* mm.lock.write()
  try {
    for (const [vma, from, to] of mappedParts(mm, start, end)) lockVma(vma, from, to, locked)
  } finally {
    mm.lock.releaseWrite()
  }
}

/** `mlock_fixup`. */
function lockVma(vma: Vma, start: number, end: number, locked: boolean): void {
  const flags = locked ? vma.flags | VM_LOCKED : vma.flags & ~VM_LOCKED
  if (flags === vma.flags || !canBeLocked(vma)) return
  const [part] = isolateVmas(vma.mm, start, end)
  part!.flags = flags
  mergeVma(part!)
}

/** `vma_supports_mlock`: what never leaves memory anyway is faulted in, and not marked. */
function canBeLocked({ flags, file }: Vma): boolean {
  return (flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP | VM_HUGETLB)) === 0 && file?.dax !== true
}
