import type { FrameTable } from '../mm/frame-table.js'
import type { Tracer } from '../sim/tracer.js'
import { BouncePool } from './bounce-pool.js'
import { CallSites } from './call-sites.js'
import { DmaChecker } from './dma-checker.js'

/** First page of the bounce buffers where memory itself begins further up. */
const LOW_POOL_PAGE = 16

/** First bus page of the memory that devices have, above all that memory or an IOMMU can have. */
const BAR_PAGE = 2 ** 38

/** What the DMA of all devices shares: bounce buffers, bus addresses of memory, the checker. */
export class DmaPlatform {
  readonly checker: DmaChecker
  readonly sites: CallSites
  readonly #frames: FrameTable
  readonly #physicalBase: number
  readonly #pageSize: number
  readonly #poolBytes: number
  #pool: BouncePool | undefined
  #bars: { readonly firstFrame: number; readonly pages: number; readonly busPage: number }[] = []
  #nextBar = BAR_PAGE
  /** Difference between bus page and frame of the pool, if it is not that of all memory. */
  #poolShift: number

  constructor(options: {
    frames: FrameTable
    tracer: Tracer
    physicalBase: number
    pageSize: number
    poolBytes: number
    recordCallSites: boolean
  }) {
    this.sites = new CallSites(options.tracer, options.recordCallSites)
    this.checker = new DmaChecker(options.tracer, this.sites)
    this.#frames = options.frames
    this.#physicalBase = options.physicalBase
    this.#pageSize = options.pageSize
    this.#poolBytes = options.poolBytes
    this.#poolShift = options.physicalBase
  }

  /** The bounce buffers, made when they are first asked for, low in memory as the kernel does. */
  get pool(): BouncePool {
    if (this.#pool === undefined) {
      this.#pool = new BouncePool(this.#frames, this.#pageSize, this.#poolBytes)
      const { firstFrame, pages } = this.#pool
      if (LOW_POOL_PAGE + pages <= this.#physicalBase) this.#poolShift = LOW_POOL_PAGE - firstFrame
    }
    return this.#pool
  }

  /** Gives frames that are memory of a device an address of its own. */
  addBar(firstFrame: number, pages: number): void {
    this.#bars.push({ firstFrame, pages, busPage: this.#nextBar })
    this.#nextBar += pages + 1
  }

  removeBar(firstFrame: number): void {
    this.#bars = this.#bars.filter((bar) => bar.firstFrame !== firstFrame)
  }

  /** Whether a bus page is memory of a device, or was. */
  inBar(busPage: number): boolean {
    return busPage >= BAR_PAGE
  }

  /** Page number of `frame` on the bus of a device without an IOMMU. */
  busPage(frame: number): number {
    for (const bar of this.#bars) {
      const at = frame - bar.firstFrame
      if (at >= 0 && at < bar.pages) return bar.busPage + at
    }
    return frame + (this.#inPool(frame) ? this.#poolShift : this.#physicalBase)
  }

  /** The frame at a page of the bus; there may be none. */
  frameAt(busPage: number): number {
    if (this.inBar(busPage)) {
      for (const bar of this.#bars) {
        const at = busPage - bar.busPage
        if (at >= 0 && at < bar.pages) return bar.firstFrame + at
      }
      return 0
    }
    const frame = busPage - this.#poolShift
    return this.#inPool(frame) ? frame : busPage - this.#physicalBase
  }

  #inPool(frame: number): boolean {
    const pool = this.#pool
    return pool !== undefined && frame >= pool.firstFrame && frame < pool.firstFrame + pool.pages
  }
}
