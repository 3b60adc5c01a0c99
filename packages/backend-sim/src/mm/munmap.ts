import type { Operation } from '../sim/operation.js'
import type { MemoryMap } from './memory-map.js'
import { isolateVmas, removeVma } from './vma-operations.js'
import { zapVma } from './zap.js'

/** `munmap` of `[start, end)`: one UNMAP event if anything is mapped there. */
export function* munmap(mm: MemoryMap, start: number, end: number): Operation<void> {
  yield* mm.lock.write()
  try {
    yield* unmapLocked(mm, start, end)
  } finally {
    mm.lock.releaseWrite()
  }
}

/** The same, with mmap_lock held for writing. */
export function* unmapLocked(mm: MemoryMap, start: number, end: number): Operation<void> {
  const scheduler = mm.machine.scheduler
  const vmas = isolateVmas(mm, start, end)
  if (vmas.length === 0) return
  yield* mm.invalidateStartInPasses('unmap', start, end)
  if (scheduler.stopsAt('notifier-start', mm)) yield scheduler.stop
  for (const vma of vmas) yield* zapVma(vma, vma.start, vma.end, 'drop')
  if (scheduler.stopsAt('notifier-end', mm)) yield scheduler.stop
  mm.invalidateEnd()
  for (const vma of vmas) removeVma(vma)
  const floor = mm.vmas.previous(start)?.end ?? 0
  const ceiling = mm.vmas.next(end)?.start ?? Infinity
  mm.tables.freeTables(start, end, floor, ceiling)
}
