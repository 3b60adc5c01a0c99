import type { Operation } from '../sim/operation.js'
import type { MemoryMap } from './memory-map.js'
import { VM_HUGETLB, VM_PFNMAP } from './vma.js'
import { zapRange } from './zap.js'

/**
 * The OOM reaper takes the private memory of a process that is to die (`__oom_reap_task_mm`): from
 * now on its memory is unstable, and nothing faults in any more. A CLEAR event (UNMAP on 6.12) that may not wait
 * for each mapping; a mapping whose notifier would have to wait is left alone. How many were.
 */
export function* oomReap(mm: MemoryMap): Operation<number> {
  yield* mm.lock.read()
  try {
    mm.unstable = true
    const kind = mm.machine.kernel.reaperClears ? 'clear' : 'unmap'
    let skipped = 0
    for (const vma of [...mm.vmas].reverse()) {
      if ((vma.flags & (VM_PFNMAP | VM_HUGETLB)) !== 0 || vma.shared) continue
      if (!mm.invalidateStartNonblock(kind, vma.start, vma.end)) {
        skipped++
        continue
      }
      yield* zapRange(mm, vma.start, vma.end)
      mm.invalidateEnd()
    }
    return skipped
  } finally {
    mm.lock.releaseRead()
  }
}
