import type { Operation } from '../sim/operation.js'
import type { MemoryMap } from './memory-map.js'
import { removeVma } from './vma-operations.js'
import { zapVma } from './zap.js'

/**
 * The last user of the address space is gone (`exit_mmap`): RELEASE to every notifier, then
 * `released`, then everything is unmapped (UNMAP event).
 */
export function* exitMmap(mm: MemoryMap, released: () => void): Operation<void> {
  mm.alive = false
  // Nobody waits for a handler when the process dies.
  for (const context of [...mm.userfaultfds]) context.release()
  yield* mm.lock.write()
  try {
    mm.lock.kill()
    const end = 2 ** 52
    yield* mm.invalidateStartInPasses('release', 0, end)
    mm.invalidateEnd()
    released()
    const vmas = [...mm.vmas]
    if (vmas.length > 0) {
      yield* mm.invalidateStartInPasses('unmap', 0, end)
      for (const vma of vmas) yield* zapVma(vma, vma.start, vma.end, 'drop')
      mm.invalidateEnd()
      for (const vma of vmas) removeVma(vma)
    }
    mm.tables.destroy()
  } finally {
    mm.lock.releaseWrite()
  }
}
