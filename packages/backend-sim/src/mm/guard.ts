import { HmmError } from '@hmm-sdk/hmm-api'
import { anonPrepare } from './anon-prepare.js'
import { isHugetlb } from './hugetlb.js'
import type { MemoryMap } from './memory-map.js'
import { isUserfaultMarker, PTE_MARKER, pteIs } from './pte.js'
import type { Operation } from '../sim/operation.js'
import { VM_MIXEDMAP, type Vma } from './vma.js'
import { forEachEntry } from './walk.js'
import { zapRange } from './zap.js'

/**
 * `MADV_GUARD_INSTALL`: no touch of `[start, end)` of one mapping gets through any more. A CLEAR
 * event if there was anything to drop.
 */
export function* installGuards(
  mm: MemoryMap,
  vma: Vma,
  start: number,
  end: number,
): Operation<void> {
  if (isHugetlb(vma) || (vma.flags & VM_MIXEDMAP) !== 0) {
    throw new HmmError('EINVAL', {
      message: 'huge pages of a pool and pages of a driver cannot be guarded',
    })
  }
  vma.maybeGuarded = true
  let full = false
  forEachEntry(mm, start, end, (_at, pte) => {
    if (!pteIs(pte, PTE_MARKER)) full = true
  })
  if (vma.anonymous) anonPrepare(vma)
  if (full) {
    yield* mm.invalidateStartInPasses('clear', start, end)
    yield* zapRange(mm, start, end)
    mm.invalidateEnd()
  }
  for (let page = start; page < end; page++) mm.tables.set(page, PTE_MARKER)
}

/** `MADV_GUARD_REMOVE`: no event. */
export function removeGuards(mm: MemoryMap, start: number, end: number): void {
  forEachEntry(mm, start, end, (at, pte) => {
    if (pteIs(pte, PTE_MARKER) && !isUserfaultMarker(pte)) mm.tables.arena.words[at] = 0
  })
}
