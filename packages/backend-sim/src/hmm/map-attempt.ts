import { POINT_LINK } from '../sim/failure-point.js'
import { ENTRY_WRITE, HmmError } from '@hmm-sdk/hmm-api'
import type { RawMapAttempt } from '@hmm-sdk/hmm-api/raw'
import type { Machine } from '../sim/machine.js'
import { markCoherent } from './mark-coherent.js'
import type { MirrorDma } from './mirror-dma.js'

/** What an attempt needs to know of its mirror. */
export interface AttemptContext {
  readonly machine: Machine
  /** Who the device is for its own memory. */
  readonly owner: object
  readonly dma: MirrorDma
  readonly deviceId: number
  /** Page number of the first page that is mirrored. */
  readonly startPage: number
  readonly mirrorId: number
  /** Delivers invalidations that are still on their way. */
  flush(): void
  /** Whether what was faulted at that sequence must not be used any more. */
  stale(sequence: number): boolean
  /** Runs the driver's part of a commit. */
  holding(run: () => void): void
}

/**
 * A faulted range that is not linked yet: pages become usable for the device inside `commit`,
 * under one sequence check. Nothing can come in between, so nothing has to be taken back but what
 * the driver itself refuses.
 */
export class MapAttempt implements RawMapAttempt {
  readonly entries: Uint32Array
  readonly #context: AttemptContext
  readonly #first: number
  readonly #sequence: number
  readonly #frames: Uint32Array
  /** Of the call that makes it: the commit comes when others may have run. */
  readonly #flow: number
  #previous: Uint32Array | undefined

  /** With `write` the device may write what the process may; without, nothing. */
  constructor(
    context: AttemptContext,
    first: number,
    sequence: number,
    entries: Uint32Array,
    write: boolean,
  ) {
    const pages = entries.length >>> 1
    this.#context = context
    this.#first = first
    this.#sequence = sequence
    this.entries = entries
    this.#flow = context.machine.tracer.flow
    this.#frames = new Uint32Array(pages)
    const failing = this.#reserve(first, pages)
    if (failing >= 0) {
      throw new HmmError('ENOMEM', { message: 'the page cannot be linked for DMA', page: failing })
    }
    context.dma.plan(first, pages, entries, this.#frames, write ? ~0 : ~ENTRY_WRITE)
    const { machine, owner } = context
    markCoherent(machine, owner, entries, { from: 0, to: pages }, (index) => this.#frames[index]!)
  }

  commit(run: () => void): boolean {
    const { machine, dma } = this.#context
    this.#context.flush()
    if (this.#context.stale(this.#sequence)) return false
    const pages = this.#frames.length
    this.#previous = new Uint32Array(pages)
    const linked = dma.link(this.#first, this.entries, this.#frames, this.#previous)
    machine.scheduler.charge(machine.costs.link * linked)
    machine.tracer.counters.pagesMapped += linked
    this.#trace(true, linked)
    try {
      this.#context.holding(run)
    } catch (error) {
      this.undo()
      throw error
    }
    return true
  }

  undo(): void {
    const previous = this.#previous
    if (previous === undefined) return
    this.#previous = undefined
    const { machine, dma } = this.#context
    const gone = dma.unlinkUndo(this.#first, this.entries, this.#frames, previous)
    machine.tracer.counters.pagesUnmapped += gone
    this.#trace(false, gone)
  }

  #reserve(first: number, pages: number): number {
    const refused = this.#context.machine.failures.firstFailure(POINT_LINK, pages)
    return refused >= 0 ? refused : this.#context.dma.reserve(first, pages)
  }

  #trace(map: boolean, linked: number): void {
    const { machine, deviceId: device, mirrorId: mirror } = this.#context
    if (machine.tracer.listener === undefined || linked === 0) return
    const { length: pages } = this.#frames
    const page = this.#context.startPage + this.#first
    const where = { flow: this.#flow, device, mirror, page, pages }
    if (map) machine.tracer.emit({ type: 'dma-map', ...where })
    else machine.tracer.emit({ type: 'dma-unmap', ...where, cause: 'undo' })
  }
}
