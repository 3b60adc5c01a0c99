import {
  ENTRY_REQ_FAULT,
  ENTRY_REQ_WRITE,
  ENTRY_VALID,
  ENTRY_WRITE,
  HmmError,
} from '@hmm-sdk/hmm-api'
import type {
  RawFaultRequest,
  RawMapAttempt,
  RawMirror,
  RawMirrorCallbacks,
  RawWait,
} from '@hmm-sdk/hmm-api/raw'
import { FAULT_DONE } from '../mm/fault-code.js'
import type { MemoryMap } from '../mm/memory-map.js'
import { PTE_WRITE, ptePresent } from '../mm/pte.js'
import { resolveFault } from '../mm/resolve-fault.js'
import { VM_WRITE } from '../mm/vma.js'
import { IntervalNotifier } from '../mmu-notifier/interval-notifier.js'
import type { NotifierRange } from '../mmu-notifier/notifier-range.js'
import { Deadline } from '../sim/deadline.js'
import type { Operation } from '../sim/operation.js'
import type { Simulation } from '../sim/simulation.js'
import { takeExclusive, type HeldPages } from './exclusive.js'
import { MapAttempt, type AttemptContext } from './map-attempt.js'
import type { MirrorDma } from './mirror-dma.js'
import { rangeFault, type RangeRequest } from './range-fault.js'

/** How often taking pages exclusively is tried before EBUSY. */
const EXCLUSIVE_ATTEMPTS = 16

/** What a mirror belongs to. */
export interface MirrorOwner {
  readonly id: number
  /** Identity for `owner` of migrations and exclusive grants. */
  readonly token: object
  mirrorClosed(mirror: SimMirror): void
}

/** An interval notifier with its DMA mappings; see RawMirror for the contract. */
export class SimMirror implements RawMirror, AttemptContext {
  readonly id: number
  readonly mm: MemoryMap
  readonly startPage: number
  readonly pages: number
  readonly dma: MirrorDma
  readonly notifier: IntervalNotifier
  readonly #simulation: Simulation
  readonly #owner: MirrorOwner
  readonly #callbacks: RawMirrorCallbacks
  /** Commits that run: the driver's lock, as it were. */
  #committing = 0
  /** What exclusive grants under way have taken so far; an invalidation takes it from them. */
  readonly #grants = new Set<Set<number>>()
  #closed = false
  #closing: Promise<void> | undefined

  constructor(
    simulation: Simulation,
    owner: MirrorOwner,
    mm: MemoryMap,
    range: { readonly startPage: number; readonly pages: number },
    dma: MirrorDma,
    callbacks: RawMirrorCallbacks,
  ) {
    this.id = simulation.newId()
    this.#simulation = simulation
    this.#owner = owner
    this.#callbacks = callbacks
    this.mm = mm
    this.startPage = range.startPage
    this.pages = range.pages
    this.dma = dma
    this.notifier = new IntervalNotifier(range.startPage, range.startPage + range.pages - 1, {
      invalidate: (event, sequence) => this.#invalidate(event, sequence),
    })
  }

  get machine() {
    return this.#simulation.machine
  }

  get owner(): object {
    return this.#owner.token
  }

  get deviceId(): number {
    return this.#owner.id
  }

  get mirrorId(): number {
    return this.id
  }

  readBegin(wait: RawWait): Promise<number> {
    return this.#simulation.run(this.#readBegin(new Deadline(this.machine.scheduler, wait)))
  }

  readRetry(sequence: number): boolean {
    this.flush()
    return this.notifier.readRetry(sequence)
  }

  fault(request: RawFaultRequest, wait: RawWait): Promise<number> {
    const { first, pages, defaultFlags, mask, entries, fresh = false } = request
    const range = { ...this.#range(first, pages), entries, defaultFlags, mask, fresh }
    const deadline = new Deadline(this.machine.scheduler, wait)
    const owner = this.#owner.token
    return this.#simulation.run(this.#fault({ ...range, owner }, deadline), wait.flow)
  }

  map(
    request: {
      readonly first: number
      readonly pages: number
      readonly write: boolean
      readonly fault: boolean
    },
    wait: RawWait,
  ): Promise<RawMapAttempt> {
    const deadline = new Deadline(this.machine.scheduler, wait)
    return this.#simulation.run(this.#map(request, deadline), wait.flow)
  }

  exclusive(
    request: { readonly first: number; readonly pages: number },
    wait: RawWait,
  ): Promise<RawMapAttempt> {
    const deadline = new Deadline(this.machine.scheduler, wait)
    return this.#simulation.run(this.#exclusive(request, deadline), wait.flow)
  }

  unmap(first: number, pages: number): void {
    this.#unmapped(this.dma.unlink(first, pages, false), first, pages, 'unmap')
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#simulation.run(this.#remove())
    this.#unmapped(this.dma.close(), 0, this.pages, 'close')
    this.#owner.mirrorClosed(this)
  }

  flush(): void {
    this.#simulation.invalidations.flush()
  }

  stale(sequence: number): boolean {
    return this.#closed || !this.mm.alive || this.notifier.readRetry(sequence)
  }

  holding(run: () => void): void {
    this.#committing++
    try {
      run()
    } finally {
      this.#committing--
    }
  }

  /** The process is gone: tells the driver, once. */
  released(): void {
    this.#simulation.invalidations.deliver(() => {
      if (!this.#closed) this.#callbacks.released()
    })
  }

  /** Until here an invalidation may come, and is delivered. */
  *#remove(): Operation<void> {
    const { scheduler } = this.machine
    if (scheduler.stopsAt('lock')) yield scheduler.stop
    this.#closed = true
    yield* this.mm.notifiers.remove(this.notifier)
  }

  *#readBegin(deadline: Deadline): Operation<number> {
    const { scheduler } = this.machine
    if (scheduler.stopsAt('sequence', this.mm, false)) yield scheduler.stop
    this.flush()
    deadline.check()
    const { notifiers } = this.mm
    const sequence = yield* notifiers.readBegin(this.notifier, deadline)
    // Before the deadline it has ended; if the next one runs already, the sequence says so.
    if (deadline.expired && notifiers.blocks(this.notifier)) throw busy()
    return sequence
  }

  *#fault(request: RangeRequest, deadline: Deadline, keepHeld = false): Operation<number> {
    const { scheduler, costs } = this.machine
    for (;;) {
      const sequence = yield* this.#readBegin(deadline)
      yield* this.mm.lock.read()
      let valid: boolean
      try {
        this.#checkAlive()
        // Before 7.3 nobody looks; what has to be faulted in fails all the same.
        if (this.machine.kernel.unlockedFault) this.#checkStable()
        valid = keepHeld
          ? yield* this.#faultOthers(sequence, request, deadline)
          : yield* rangeFault(this.mm, this.notifier, sequence, request, this.#unlocked(deadline))
      } finally {
        this.mm.lock.releaseRead()
      }
      this.flush()
      if (valid && !this.notifier.readRetry(sequence)) {
        this.machine.tracer.emit({
          type: 'range-fault',
          mirror: this.id,
          page: request.start,
          pages: request.end - request.start,
          outcome: 'ok',
        })
        return sequence
      }
      scheduler.charge(costs.call)
      if (deadline.expired) throw busy()
    }
  }

  *#map(
    request: {
      readonly first: number
      readonly pages: number
      readonly write: boolean
      readonly fault: boolean
    },
    deadline: Deadline,
  ): Operation<RawMapAttempt> {
    const { first, pages, write, fault } = request
    const wanted = write ? (ENTRY_REQ_FAULT | ENTRY_REQ_WRITE) >>> 0 : ENTRY_REQ_FAULT
    for (;;) {
      const entries = new Uint32Array(2 * pages)
      const start = this.startPage + first
      const range: RangeRequest = {
        start,
        end: start + pages,
        entries,
        defaultFlags: fault ? wanted : 0,
        mask: 0,
        fresh: true,
        owner: this.#owner.token,
      }
      const sequence = yield* this.#fault(range, deadline, this.machine.exclusiveOwners.size > 0)
      const readOnly = fault && write ? firstWithout(entries, ENTRY_WRITE) : -1
      if (readOnly < 0) return new MapAttempt(this, first, sequence, entries, write)
      // A read-only page of the device's own memory (shared since a fork): only the CPU's write
      // fault can give this process a page of its own.
      yield* this.#writeFault(range.start + readOnly, readOnly)
      if (deadline.expired) throw busy()
    }
  }

  /**
   * A range fault without the pages that the device holds exclusively: for the CPU they are not
   * there, and a fault would take them back.
   */
  *#faultOthers(sequence: number, request: RangeRequest, deadline: Deadline): Operation<boolean> {
    const { start, end } = request
    const isHeld = (page: number): boolean => this.dma.isExclusive(page - this.startPage)
    for (let from = start; from < end;) {
      let to = from
      while (to < end && !isHeld(to)) to++
      if (from < to) {
        const run = { ...request, end: to }
        if (
          !(yield* rangeFault(
            this.mm,
            this.notifier,
            sequence,
            run,
            this.#unlocked(deadline),
            from,
          ))
        )
          return false
      }
      from = to
      while (from < end && isHeld(from)) from++
    }
    return true
  }

  *#writeFault(page: number, index: number): Operation<void> {
    yield* this.mm.lock.read()
    try {
      const vma = this.mm.vmas.find(page)
      if (vma === undefined) return
      if ((vma.flags & VM_WRITE) === 0) {
        throw new HmmError('EPERM', { page: index, message: 'write access to read-only memory' })
      }
      // First it comes back, then it is copied: before its neighbours are looked at again.
      for (let fault = 0; fault < 2; fault++) {
        const code = yield* resolveFault(this.mm, vma, page, true)
        if (code !== FAULT_DONE) {
          throw new HmmError('ENOMEM', { page: index, message: 'no memory for the page' })
        }
        const pte = this.mm.tables.get(page)
        if (ptePresent(pte) && (pte & PTE_WRITE) !== 0) return
      }
    } finally {
      this.mm.lock.releaseRead()
    }
  }

  *#exclusive(
    request: { readonly first: number; readonly pages: number },
    deadline: Deadline,
  ): Operation<RawMapAttempt> {
    const { start, end } = this.#range(request.first, request.pages)
    const grant = new Set<number>()
    this.#grants.add(grant)
    const held: HeldPages = {
      has: (page) => grant.has(page) || this.dma.isExclusive(page - this.startPage),
      add: (page) => grant.add(page),
    }
    try {
      return yield* this.#takeExclusive(request.first, start, end, held, deadline)
    } finally {
      this.#grants.delete(grant)
    }
  }

  *#takeExclusive(
    first: number,
    start: number,
    end: number,
    held: HeldPages,
    deadline: Deadline,
  ): Operation<RawMapAttempt> {
    for (let attempt = 0; attempt < EXCLUSIVE_ATTEMPTS; attempt++) {
      this.flush()
      yield* this.mm.lock.read()
      let entries: Uint32Array | undefined
      try {
        this.#checkAlive()
        entries = yield* takeExclusive(this.mm, start, end, this.#owner.token, held)
      } finally {
        this.mm.lock.releaseRead()
      }
      this.flush()
      // The baseline is taken after the pages are ours; a foreign event from now on drops them.
      if (entries !== undefined && !this.mm.notifiers.blocks(this.notifier)) {
        return new MapAttempt(this, first, this.notifier.sequence, entries, true)
      }
      yield* this.#readBegin(deadline)
      if (deadline.expired) break
    }
    throw busy()
  }

  /** `mmu_interval_notifier_ops.invalidate`: revokes first, then tells the driver. */
  #invalidate(event: NotifierRange, sequence: number): boolean | (() => void) {
    // Who may not wait cannot have the lock that a commit holds.
    if (!event.blockable && this.#committing > 0) return false
    const self = event.owner !== undefined && event.owner === this.#owner.token
    // Also of the device's own doing: what was read before is somewhere else now.
    this.notifier.setSequence(sequence)
    const from = Math.max(event.start, this.startPage)
    const first = from - this.startPage
    const pages = Math.min(event.end, this.startPage + this.pages) - from
    this.#unmapped(this.dma.unlink(first, pages, true), first, pages, 'revoke')
    for (const grant of this.#grants) {
      for (const page of grant) if (page >= event.start && page < event.end) grant.delete(page)
    }
    const { tracer, scheduler, costs } = this.machine
    scheduler.charge(costs.invalidate)
    tracer.counters.invalidations++
    if (tracer.listener !== undefined) {
      const where = { space: this.mm.id, mirror: this.id, page: from, pages }
      tracer.emit({ type: 'range-invalidate', ...where, kind: event.kind, self })
    }
    const { kind, blockable } = event
    const finish = this.#simulation.invalidations.deliver(() => {
      if (this.#closed) return undefined
      const told = { kind, first, pages, self, blockable, coalesced: false }
      return this.#callbacks.invalidate(told)
    })
    return finish ?? true
  }

  #unmapped(
    gone: number,
    first: number,
    pages: number,
    cause: 'revoke' | 'unmap' | 'undo' | 'close',
  ): void {
    if (gone === 0) return
    const { tracer, scheduler, costs } = this.machine
    scheduler.charge(costs.unlink * gone)
    tracer.counters.pagesUnmapped += gone
    if (tracer.listener === undefined) return
    const where = { device: this.#owner.id, mirror: this.id, page: this.startPage + first, pages }
    // What the driver does at once is no part of whatever call ran last.
    const own = cause === 'revoke' ? {} : { flow: tracer.newFlow() }
    tracer.emit({ type: 'dma-unmap', ...where, cause, ...own })
  }

  #range(first: number, pages: number): { start: number; end: number } {
    const start = this.startPage + first
    return { start, end: start + pages }
  }

  /** What bounds waits in a fault, if a fault may wait at all: before Linux 7.3 it may not. */
  #unlocked(deadline: Deadline): Deadline | undefined {
    return this.machine.kernel.unlockedFault ? deadline : undefined
  }

  #checkStable(): void {
    if (!this.mm.unstable) return
    throw new HmmError('EFAULT', { message: 'the process dies for lack of memory (OOM killer)' })
  }

  #checkAlive(): void {
    if (!this.mm.alive) throw new HmmError('ESRCH', { message: 'the process is gone' })
  }
}

function firstWithout(entries: Uint32Array, flag: number): number {
  for (let e = 1; e < entries.length; e += 2) {
    if ((entries[e]! & ENTRY_VALID) !== 0 && (entries[e]! & flag) === 0) return e >>> 1
  }
  return -1
}

function busy(): HmmError {
  return new HmmError('EBUSY', {
    message: 'invalidations kept coming until the deadline',
    hint: 'Raise deadlineMs, map less at once, or find who keeps changing the range.',
  })
}
