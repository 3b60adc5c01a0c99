import type { VirtualRange } from '@hmm-sdk/hmm-api'
import { rawOf, type RawBackend } from '@hmm-sdk/hmm-api/raw'
import type { DmaCheck, DmaReport } from '../dma/dma-checker.js'
import { PTE_FRAME, PTE_PRESENT, PTE_SPECIAL, PTE_WRITE } from '../mm/pte.js'
import { pteMaps } from '../mm/rmap.js'
import { SimBackend } from './backend.js'
import { consistencyProblems } from './consistency.js'
import type { FailurePoint, FiredFailure } from './failure-point.js'
import { MemoryEvents } from './memory-events.js'
import type { Simulation } from './simulation.js'
import { spaceOf } from './space-of.js'

/** What is in use in a simulation. */
export interface Usage {
  /** Pages of system memory. */
  readonly frames: number
  /** Pages with contents of their own, others read as zeros. */
  readonly data: number
  readonly swap: number
  readonly pageTables: number
  readonly ioPageTables: number
}

/**
 * The levers of a simulation that no driver has: failures, reclaim, time. Apart from the API that
 * drivers see.
 */
export class SimControl {
  /** What the kernel does to memory of its own accord. */
  readonly memory: MemoryEvents
  readonly #simulation: Simulation

  constructor(simulation: Simulation) {
    this.#simulation = simulation
    this.memory = new MemoryEvents(simulation)
  }

  /** The next pass of that point fails. */
  failNext(point: FailurePoint): void {
    this.failNth(point, 1)
  }

  /** The `n`-th pass of that point from now on fails, 1 for the next. */
  failNth(point: FailurePoint, n: number): void {
    this.#simulation.machine.failures.failNth(point, n)
  }

  /** How often each point was passed so far. */
  reached(): Record<FailurePoint, number> {
    return this.#simulation.machine.failures.reached()
  }

  /** Which failures that were asked for have happened, in order. */
  fired(): readonly FiredFailure[] {
    return [...this.#simulation.machine.failures.fired]
  }

  /** Calls that were begun so far. */
  operations(): number {
    return this.#simulation.operations
  }

  /** Calls beyond this number, counted from the beginning, fail with ECANCELED. */
  limitOperations(limit: number): void {
    this.#simulation.operationLimit = limit
  }

  /** Takes pages of `range` away as memory pressure does, shared ones too; how many. */
  reclaim(space: object, range: VirtualRange): Promise<number> {
    return this.memory.reclaim(space, range)
  }

  /**
   * The page frame that the process has at each page of `range`, and whether it may write there;
   * undefined where it has none. Frames are those of range faults. What an oracle compares with.
   */
  pagesOf(
    space: object,
    range: VirtualRange,
  ): ({ readonly frame: number; readonly writable: boolean } | undefined)[] {
    const { mm } = spaceOf(space)
    return Array.from({ length: range.pages }, (_, index) => {
      const pte = mm.alive ? mm.tables.get(range.startPage + index) : 0
      const frame = pte & PTE_FRAME
      const there = (pte & PTE_PRESENT) !== 0 || pteMaps(pte, frame)
      return there ? { frame, writable: (pte & PTE_WRITE) !== 0 } : undefined
    })
  }

  /** Takes references of the present pages of `range` as a long-term pin does, until `unpin`. */
  pin(space: object, range: VirtualRange): { unpin(): void } {
    const { mm } = spaceOf(space)
    const { frames } = mm.machine
    const pinned: number[] = []
    for (let page = range.startPage; page < range.endPage; page++) {
      const pte = mm.tables.get(page)
      if ((pte & PTE_PRESENT) === 0 || (pte & PTE_SPECIAL) !== 0) continue
      frames.get(pte & PTE_FRAME)
      pinned.push(pte & PTE_FRAME)
    }
    return { unpin: () => pinned.splice(0).forEach((frame) => frames.put(frame)) }
  }

  /** Moves virtual time on and wakes whose time has come. */
  advance(ms: number): void {
    this.#simulation.machine.scheduler.advance(ms * 1e6)
  }

  /** Virtual nanoseconds since the simulation began. */
  now(): number {
    return this.#simulation.machine.scheduler.now()
  }

  /** What does not hold although it must, between calls; empty unless the simulation has a bug. */
  problems(): string[] {
    return consistencyProblems(this.#simulation)
  }

  /** What the checker of DMA found, in order; the first thousand. */
  reports(): readonly DmaReport[] {
    return [...this.#simulation.machine.dma.checker.reports]
  }

  /** How often each check of DMA found something; all are counted. */
  reportCounts(): Partial<Record<DmaCheck, number>> {
    return this.#simulation.machine.dma.checker.counts
  }

  /** Lazy IOMMUs forget now what they would forget in time. */
  flushIommu(): void {
    for (const device of this.#simulation.devices) device.dma.translation.flush()
  }

  usage(): Usage {
    const { frames, swap, pageTables, ioTables } = this.#simulation.machine
    return {
      frames: frames.used,
      data: frames.data.used,
      swap: swap.used,
      pageTables: pageTables.used,
      ioPageTables: ioTables.used,
    }
  }
}

/** The controls of a simulation. TypeError if `backend`, raw or public, is not one. */
export function control(backend: object): SimControl {
  const raw = backend instanceof SimBackend ? backend : (rawOf(backend as never) as RawBackend)
  if (raw instanceof SimBackend) return new SimControl(raw.simulation)
  throw new TypeError(`control: backend '${raw.name}' is not a simulation`)
}
