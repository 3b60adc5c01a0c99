import { NotifierSubscriptions } from '../mmu-notifier/subscriptions.js'
import type { NotifierRange } from '../mmu-notifier/notifier-range.js'
import type { InvalidateKind } from '@hmm-sdk/hmm-api'
import type { Machine } from '../sim/machine.js'
import type { Operation } from '../sim/operation.js'
import { MmapLock } from './mmap-lock.js'
import { RadixTable } from './radix-table.js'
import { UpdateLog } from './update-log.js'
import type { Userfaultfd } from './userfaultfd.js'
import { VmaList } from './vma-list.js'

/** An address space: `struct mm_struct`. */
export class MemoryMap {
  readonly id: number
  readonly machine: Machine
  readonly vmas = new VmaList()
  readonly tables: RadixTable
  readonly lock: MmapLock
  readonly notifiers = new NotifierSubscriptions()
  /** Who serves faults of some of it, besides the kernel. */
  readonly userfaultfds = new Set<Userfaultfd>()
  /** Looks for lost updates; while schedules are explored. */
  readonly updates: UpdateLog | undefined
  /** Pages a process may use: `[low, high)`. Mappings are placed from the top. */
  readonly low: number
  readonly high: number
  /** Whether the last user is still there (`mm_users`). */
  alive = true
  /** The OOM reaper was here (`MMF_UNSTABLE`): what is missing now must not read as zeros. */
  unstable = false

  /** Breakpoints were put into it, or copied by a fork (`MMF_HAS_UPROBES`). */
  hasUprobes = false

  constructor(machine: Machine, id: number) {
    this.machine = machine
    this.lock = new MmapLock(machine.scheduler)
    this.id = id
    this.tables = new RadixTable(machine.pageTables)
    const watch = machine.scheduler.explorer?.updates
    this.updates = watch && new UpdateLog(this, watch)
    this.low = 16
    this.high = (2 ** 47 - 2 ** 31) / machine.pageSize
  }

  /** `mmu_notifier_range_init` and `mmu_notifier_invalidate_range_start`, blockable. */
  invalidateStart(kind: InvalidateKind, start: number, end: number, owner?: object): void {
    const range: NotifierRange = { kind, start, end, owner, blockable: true }
    this.notifiers.start(range)
  }

  /**
   * The same for whoever may be preempted there: under exploration others may run between the first
   * and the second pass, if a notifier has one.
   */
  *invalidateStartInPasses(
    kind: InvalidateKind,
    start: number,
    end: number,
    owner?: object,
  ): Operation<void> {
    const { scheduler } = this.machine
    if (scheduler.explorer === undefined) return this.invalidateStart(kind, start, end, owner)
    const range: NotifierRange = { kind, start, end, owner, blockable: true }
    const second = this.notifiers.startFirst(range) || undefined
    if (second === undefined) return
    if (scheduler.stopsAt('notifier-finish', this)) yield scheduler.stop
    for (const finish of second) finish()
  }

  /** The same for who may not wait; false if a notifier would have to, and then there is no end. */
  invalidateStartNonblock(kind: InvalidateKind, start: number, end: number): boolean {
    return this.notifiers.start({ kind, start, end, owner: undefined, blockable: false })
  }

  /** `mmu_notifier_invalidate_range_end`. */
  invalidateEnd(): void {
    this.notifiers.end()
  }
}
