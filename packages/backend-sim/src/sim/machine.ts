import type { HugePageSize } from '@hmm-sdk/hmm-api'
import { DmaPlatform } from '../dma/dma-platform.js'
import { FrameTable } from '../mm/frame-table.js'
import { HugePool } from '../mm/huge-pool.js'
import { ReverseMap } from '../mm/reverse-map.js'
import { Swap } from '../mm/swap.js'
import { TableArena } from '../mm/table-arena.js'
import type { CostModel } from './cost-model.js'
import { FailurePoints } from './failure-point.js'
import type { KernelProfile } from './kernel-profile.js'
import { Scheduler } from './scheduler.js'
import { Tracer } from './tracer.js'
import { WaitQueue } from './wait-queue.js'

/** What all address spaces and devices of a simulation share: the hardware, and the clock. */
export class Machine {
  readonly kernel: KernelProfile
  readonly pageShift: number
  readonly pageSize: number
  readonly costs: CostModel
  /** Number that frame 0 has on the bus of a device without an IOMMU. */
  readonly physicalBase: number
  /** What the DMA of all devices shares. */
  readonly dma: DmaPlatform
  readonly scheduler = new Scheduler()
  readonly failures = new FailurePoints()
  readonly tracer: Tracer
  readonly frames: FrameTable
  /** Page tables of processes: a table fills a page of 8-byte entries, so 9 bits for 4 KiB. */
  readonly pageTables: TableArena
  /** Page tables of IOMMU domains. */
  readonly ioTables: TableArena
  readonly reverseMap = new ReverseMap()
  readonly swap: Swap
  /** Huge pages that were reserved (hugetlb), by log2 of their bytes. */
  readonly hugePools: ReadonlyMap<number, HugePool>
  /** Who has a frame for itself; of use only while an entry of a page table says that somebody has. */
  readonly exclusiveOwners = new Map<number, object>()
  /** Which anonymous memory gets huge pages by itself (`/sys/kernel/mm/transparent_hugepage/enabled`). */
  thp: 'always' | 'madvise' | 'never' = 'madvise'
  /** Woken when a page is unlocked, such as at the end of its migration. */
  readonly pageUnlocked = new WaitQueue('page lock')
  /** Woken whenever pages are pinned no more. */
  readonly pageUnpinned = new WaitQueue('pinned pages')

  constructor(options: {
    kernel: KernelProfile
    pageShift: number
    memoryPages: number
    physicalBase: number
    swiotlbBytes: number
    recordCallSites: boolean
    costs: CostModel
    hugePages: Readonly<Record<HugePageSize, number>>
  }) {
    this.kernel = options.kernel
    this.pageShift = options.pageShift
    // Shifted: a small integer, which a power is not, and remainders of floats are slow.
    this.pageSize = 1 << options.pageShift
    this.costs = options.costs
    this.physicalBase = options.physicalBase
    this.tracer = new Tracer(this.scheduler)
    this.frames = new FrameTable({
      pageSize: this.pageSize,
      frames: options.memoryPages,
      failures: this.failures,
    })
    this.dma = new DmaPlatform({
      frames: this.frames,
      tracer: this.tracer,
      physicalBase: options.physicalBase,
      pageSize: this.pageSize,
      poolBytes: options.swiotlbBytes,
      recordCallSites: options.recordCallSites,
    })
    this.pageTables = new TableArena(options.pageShift - 3)
    this.ioTables = new TableArena(9)
    this.swap = new Swap(this.frames)
    const { hugePages, pageShift } = options
    const { frames, failures } = this
    const pools = [
      new HugePool(frames, failures, 21, pageShift, hugePages['2M']),
      new HugePool(frames, failures, 30, pageShift, hugePages['1G']),
    ]
    this.hugePools = new Map(pools.map((pool) => [pool.shift, pool]))
    // Not a callback: closures that nobody calls keep one simulation after the other alive, until old
    // space is collected (Node 20).
    frames.hugePools = pools
  }
}
