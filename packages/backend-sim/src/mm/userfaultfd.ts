import type { Deadline } from '../sim/deadline.js'
import type { Operation } from '../sim/operation.js'
import { WaitQueue } from '../sim/wait-queue.js'
import { HmmError } from '@hmm-sdk/hmm-api'
import type { MemoryMap } from './memory-map.js'
import { ptePresent } from './pte.js'
import { VM_UFFD_WP, type Vma } from './vma.js'

/** A touch that somebody else has to serve: `struct uffd_msg`. */
export interface Userfault {
  readonly page: number
  readonly write: boolean
  /** A write to a page that is write-protected, not a touch of one that is missing. */
  readonly writeProtect: boolean
}

interface Waiting {
  readonly page: number
  readonly queue: WaitQueue
  woken: boolean
}

/** Who serves the faults of some mappings of one process (`struct userfaultfd_ctx`). */
export class Userfaultfd {
  readonly mm: MemoryMap
  /** Nobody serves writes to what is protected: it is noted that the page was written (UFFD_FEATURE_WP_ASYNC). */
  readonly asynchronous: boolean
  readonly #notify: (fault: Userfault) => void
  readonly #waiting = new Set<Waiting>()
  #released = false

  /** `notify` is told each fault, once. */
  constructor(mm: MemoryMap, notify: (fault: Userfault) => void, asynchronous = false) {
    this.mm = mm
    this.asynchronous = asynchronous
    this.#notify = notify
    mm.userfaultfds.add(this)
  }

  /** Waits until `fault` was served, or the deadline is over: false. */
  *wait(fault: Userfault, deadline: Deadline | undefined): Operation<boolean> {
    if (this.#released) return true
    const waiting: Waiting = {
      page: fault.page,
      queue: new WaitQueue('userfaultfd'),
      woken: false,
    }
    this.#waiting.add(waiting)
    this.#notify(fault)
    try {
      while (!waiting.woken && deadline?.expired !== true) {
        yield deadline === undefined ? waiting.queue.park() : deadline.park(waiting.queue)
      }
    } finally {
      this.#waiting.delete(waiting)
    }
    return waiting.woken
  }

  /** Who waits for a page of `[start, end)` looks again (`UFFDIO_WAKE`). */
  wake(start: number, end: number): void {
    for (const waiting of [...this.#waiting]) {
      if (waiting.page < start || waiting.page >= end) continue
      waiting.woken = true
      waiting.queue.wakeAll()
    }
  }

  /** Nobody serves faults any more: all go on. */
  release(): void {
    this.#released = true
    this.mm.userfaultfds.delete(this)
    this.wake(0, Infinity)
  }
}

/** Whether somebody serves writes to what is write-protected in `vma`. */
export function servesWrites(vma: Vma): boolean {
  return (vma.flags & VM_UFFD_WP) !== 0 && vma.userfaultfd?.asynchronous !== true
}

/**
 * `handle_userfault`: waits for whoever serves the fault, without mmap_lock, which the caller holds for
 * reading, before and after. What was known of mappings is out of date then. EBUSY at the deadline.
 */
export function* waitUserfault(
  mm: MemoryMap,
  vma: Vma,
  page: number,
  write: boolean,
  deadline?: Deadline,
): Operation<void> {
  const context = vma.userfaultfd
  if (context === undefined) return
  const fault = { page, write, writeProtect: ptePresent(mm.tables.get(page)) }
  mm.lock.releaseRead()
  let served = false
  try {
    served = yield* context.wait(fault, deadline)
  } finally {
    yield* mm.lock.resume()
  }
  if (!mm.alive) throw new HmmError('ESRCH', { message: 'the process is gone' })
  if (served) {
    deadline?.restart()
    return
  }
  throw new HmmError('EBUSY', {
    message: 'the deadline passed while a page fault waited for its userfaultfd handler',
    hint: 'Whoever serves the faults has not answered: see faults() of the userfaultfd.',
  })
}
