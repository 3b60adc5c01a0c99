import { HmmError } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import { evictFrame } from './evict-frame.js'
import { FAULT_DONE, FAULT_OOM, FAULT_USERFAULT } from './fault-code.js'
import { FRAME_COHERENT } from './frame-table.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_FRAME, PTE_PRESENT, PTE_PROTNONE, PTE_WRITE } from './pte.js'
import { resolveFault } from './resolve-fault.js'
import { waitUserfault } from './userfaultfd.js'
import { VM_READ, VM_WRITE } from './vma.js'

/**
 * `pin_user_pages(FOLL_WRITE | FOLL_LONGTERM)`, or `get_user_pages` to read: a reference of each page of
 * `[start, end)`, which are faulted in so; the frames. Pages in a device's memory come back first. All or
 * none: EFAULT, ENOMEM, EBUSY (a page cannot come back).
 */
export function* pinPages(
  mm: MemoryMap,
  start: number,
  end: number,
  longTerm = true,
): Operation<number[]> {
  const { frames } = mm.machine
  const pinned: number[] = []
  yield* mm.lock.read()
  try {
    for (let page = start; page < end; page++) {
      const frame = yield* frameOf(mm, page, page - start, longTerm)
      frames.get(frame)
      pinned.push(frame)
    }
    return pinned
  } catch (error) {
    for (const frame of pinned) frames.put(frame)
    throw error
  } finally {
    mm.lock.releaseRead()
  }
}

function* frameOf(
  mm: MemoryMap,
  page: number,
  index: number,
  longTerm: boolean,
): Operation<number> {
  const right = longTerm ? VM_WRITE : VM_READ
  for (;;) {
    const vma = mm.vmas.find(page)
    if (vma === undefined || (vma.flags & right) === 0) {
      const message = vma === undefined ? 'the page is not mapped' : 'the page has not the right'
      throw new HmmError('EFAULT', { page: index, message })
    }
    if (longTerm && vma.file?.dax === true) {
      throw new HmmError('EOPNOTSUPP', {
        page: index,
        message: 'pages of persistent memory cannot be pinned for long',
      })
    }
    const pte = mm.tables.get(page)
    const present = (pte & PTE_PRESENT) !== 0 && (pte & PTE_PROTNONE) === 0
    if (present && (!longTerm || (pte & PTE_WRITE) !== 0)) {
      const frame = pte & PTE_FRAME
      const stays = !longTerm || (mm.machine.frames.flags[frame]! & FRAME_COHERENT) === 0
      if (stays) return frame
      // `migrate_longterm_unpinnable_folios`
      if (yield* evictFrame(mm.machine, frame)) continue
      throw new HmmError('EBUSY', { page: index, message: "the page stays in a device's memory" })
    }
    const code = yield* resolveFault(mm, vma, page, longTerm)
    if (code === FAULT_USERFAULT) yield* waitUserfault(mm, vma, page, longTerm)
    else if (code === FAULT_OOM) throw new HmmError('ENOMEM', { page: index })
    else if (code !== FAULT_DONE) throw new HmmError('EFAULT', { page: index })
  }
}
