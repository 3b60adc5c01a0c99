import { powerOfTwo } from './power-of-two.js'
import { POINT_LINK, type FailurePoints } from '../sim/failure-point.js'
import { HmmError } from '@hmm-sdk/hmm-api'
import { FRAME_DIRTY, type FrameTable } from '../mm/frame-table.js'
import { RadixTable } from '../mm/radix-table.js'
import type { Machine } from '../sim/machine.js'
import type { DmaTranslation, TranslationFault } from './dma-translation.js'
import { IOPTE_CLASSIC, IOPTE_FRAME, IOPTE_READ, IOPTE_UNSYNCED, IOPTE_WRITE } from './iopte.js'
import { IovaAllocator } from './iova-allocator.js'
import { LazyFlush } from './lazy-flush.js'

/** How a domain treats what was unmapped. */
export interface DomainOptions {
  readonly lazy: boolean
  readonly reuseAtOnce: boolean
}

const CLASSIC_READ = IOPTE_READ | IOPTE_CLASSIC
const CLASSIC_WRITE = CLASSIC_READ | IOPTE_WRITE

/** The page table that stands between one device and memory, and its address space. */
export class IommuDomain implements DmaTranslation {
  readonly domain = this
  readonly table: RadixTable
  readonly iova: IovaAllocator
  readonly machine: Machine
  private readonly failures: FailurePoints
  private readonly frames: FrameTable
  /** What the device may still reach although it was unmapped; undefined when strict. */
  readonly lazy: LazyFlush | undefined

  constructor(machine: Machine, maskBits: number, options?: DomainOptions) {
    this.machine = machine
    this.failures = machine.failures
    this.frames = machine.frames
    this.table = new RadixTable(machine.ioTables)
    this.iova = new IovaAllocator(
      machine.failures,
      limitOf(machine, maskBits),
      options?.reuseAtOnce,
    )
    this.lazy = options?.lazy === true ? new LazyFlush(this) : undefined
  }

  setMask(bits: number): void {
    this.iova.setLimit(limitOf(this.machine, bits))
  }

  reaches(): boolean {
    return true
  }

  map(firstFrame: number, pages: number, write: boolean): number {
    const dmaPage = this.allocate(pages)
    const failing = this.failures.firstFailure(POINT_LINK, pages)
    if (failing >= 0) throw this.linkFailed(dmaPage, pages)
    this.link(dmaPage, firstFrame, pages, write ? CLASSIC_WRITE : CLASSIC_READ)
    return dmaPage
  }

  unmap(dmaPage: number, pages: number): void {
    this.unlink(dmaPage, pages)
    if (this.lazy === undefined) this.iova.free(dmaPage, pages)
    else this.lazy.unmapped(dmaPage, pages)
  }

  /** A run of DMA pages with nothing behind it (`alloc_iova`). */
  allocate(pages: number): number {
    if (this.lazy !== undefined) this.lazy.flushIfDue()
    const dmaPage = this.iova.allocate(pages)
    if (dmaPage < 0) throw exhausted(pages)
    return dmaPage
  }

  /** Maps adjoining frames with the rights given (IOPTE_*). */
  link(dmaPage: number, firstFrame: number, pages: number, rights: number): void {
    if (pages === 1) this.table.set(dmaPage, rights | firstFrame)
    else this.linkRun(dmaPage, firstFrame, pages, rights)
  }

  // Runs are apart, so that what is done for one page is small enough to be inlined.
  private linkRun(dmaPage: number, firstFrame: number, pages: number, rights: number): void {
    const { mask } = this.table
    for (let done = 0; done < pages;) {
      const page = dmaPage + done
      const leaf = this.table.ensureLeaf(page) + (page & mask)
      const count = Math.min(pages - done, mask + 1 - (page & mask))
      const words = this.machine.ioTables.words
      for (let i = 0; i < count; i++) words[leaf + i] = rights | (firstFrame + done + i)
      done += count
    }
  }

  unlink(dmaPage: number, pages: number): void {
    if (pages !== 1) return this.unlinkRun(dmaPage, pages)
    const entry = this.table.take(dmaPage)
    if ((entry & IOPTE_WRITE) !== 0) this.frames.flags[entry & IOPTE_FRAME]! |= FRAME_DIRTY
  }

  private unlinkRun(dmaPage: number, pages: number): void {
    const { table, machine } = this
    const { flags } = machine.frames
    for (let done = 0; done < pages;) {
      const page = dmaPage + done
      const count = Math.min(pages - done, table.mask + 1 - (page & table.mask))
      const leaf = table.leaf(page)
      const words = machine.ioTables.words
      if (leaf !== 0) {
        const from = leaf + (page & table.mask)
        for (let at = from; at < from + count; at++) {
          const entry = words[at]!
          if ((entry & IOPTE_WRITE) !== 0) flags[entry & IOPTE_FRAME]! |= FRAME_DIRTY
          words[at] = 0
        }
      }
      done += count
    }
  }

  private linkFailed(dmaPage: number, pages: number): HmmError {
    this.iova.free(dmaPage, pages)
    return new HmmError('ENOMEM', { message: 'the IOMMU has no memory for its tables' })
  }

  mapped(dmaPage: number): boolean {
    return this.table.get(dmaPage) !== 0
  }

  classic(dmaPage: number): boolean {
    return (this.table.get(dmaPage) & IOPTE_CLASSIC) !== 0
  }

  translate(dmaPage: number, write: boolean): number | TranslationFault {
    const entry = this.lazy?.lookup(dmaPage) ?? this.table.get(dmaPage)
    if (entry === 0) return 'not-mapped'
    if ((entry & IOPTE_UNSYNCED) !== 0) return 'not-synced'
    if (write && (entry & IOPTE_WRITE) === 0) return 'read-only'
    // Only a translation that was not flushed yet leads to memory that is free.
    if (this.lazy !== undefined && this.machine.frames.refs[entry & IOPTE_FRAME] === 0) {
      return 'no-memory'
    }
    return entry
  }

  flush(): void {
    this.lazy?.flush()
  }

  destroy(): void {
    this.flush()
    this.table.destroy()
  }
}

function limitOf(machine: Machine, bits: number): number {
  // Four levels of 9 bits: masks beyond that change nothing.
  return powerOfTwo(Math.min(bits - machine.pageShift, 36))
}

function exhausted(pages: number): HmmError {
  return new HmmError('ENOMEM', {
    message: `no ${pages} DMA pages left below the mask of the device`,
    hint: 'Unmap what is not used, or set a wider mask.',
  })
}
