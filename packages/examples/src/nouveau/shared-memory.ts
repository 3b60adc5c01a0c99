import {
  HmmError,
  virtualAddress,
  type Access,
  type AddressSpace,
  type Device,
  type Flow,
  type MigrateResult,
  type Mirror,
  type MirrorMapping,
  type VirtualRange,
} from '@hmm-sdk/hmm-api'
import type { GpuControl } from './gpu-control.js'

/** How long one fault may be kept busy by invalidations before the access is just replayed. */
const FAULT_DEADLINE_MS = 1000

/**
 * Memory of a process that the GPU uses by the process's own pointers (shared virtual memory). The
 * GPU's page table mirrors the CPU's: filled by faults, cleared by invalidations.
 */
export class SharedMemory {
  /** Its number in the GPU. */
  readonly vmm: number
  readonly range: VirtualRange
  readonly #device: Device
  readonly #control: GpuControl
  readonly #stop = new AbortController()
  #mirror: Mirror | undefined
  #devicePages = 0

  constructor(device: Device, control: GpuControl, vmm: number, range: VirtualRange) {
    this.#device = device
    this.#control = control
    this.vmm = vmm
    this.range = range
  }

  /** Creates the page table, empty, and watches the range. */
  async bind(space: AddressSpace): Promise<void> {
    this.#control.createVmm(this.vmm)
    try {
      this.#mirror = await this.#device.mirror(space, this.range, {
        name: `shared memory ${this.vmm}`,
        // Also for what this driver caused itself: a page that migrated is somewhere else now.
        invalidate: (event) => this.#zap(event.range),
      })
    } catch (error) {
      this.#control.destroyVmm(this.vmm)
      throw error
    }
  }

  /** Pages of the device's own memory among those that were mapped so far. */
  get devicePages(): number {
    return this.#devicePages
  }

  /** Index of the page at a pointer of the GPU; undefined outside. */
  pageOf(pointer: bigint): number | undefined {
    const address = virtualAddress(pointer)
    return this.range.contains(address) ? this.range.pageIndex(address) : undefined
  }

  /** Makes one page usable for the GPU. Errors: those of `mirror.map` and `mirror.exclusive`. */
  async makeValid(page: number, access: Access, flow?: Flow): Promise<void> {
    const range = this.range.page(page)
    if (access === 'atomic') {
      // Nobody else may touch the page between the read and the write of an atomic operation.
      const wait = { deadlineMs: FAULT_DEADLINE_MS, signal: this.#stop.signal, flow }
      await this.#mirror?.exclusive(range, wait, (mapping) => this.#install(mapping))
    } else await this.#map(range, access === 'write' ? 'write' : 'read', flow)
  }

  /**
   * Moves pages to the memory of the GPU or back. Best effort, as in the kernel: the result says
   * which pages stayed where they were, and why.
   */
  async migrate(range: VirtualRange, to: 'device' | 'system'): Promise<MigrateResult | undefined> {
    if (this.#mirror === undefined) return undefined
    const result = await this.#device.memory.migrate(this.#mirror, range, { to })
    if (to === 'device') await this.#mapAhead(range)
    return result
  }

  /** Unbinds it. No channel may use it any more. */
  async close(): Promise<void> {
    this.#stop.abort()
    try {
      this.#control.destroyVmm(this.vmm)
    } finally {
      await this.#mirror?.close()
    }
  }

  /** Spares the GPU the faults; if it cannot be done now, they will say what is wrong. */
  async #mapAhead(range: VirtualRange): Promise<void> {
    try {
      await this.#map(range, 'write')
    } catch (error) {
      if (!HmmError.is(error)) throw error
    }
  }

  async #map(range: VirtualRange, access: 'read' | 'write', flow?: Flow): Promise<void> {
    const options = { access, deadlineMs: FAULT_DEADLINE_MS, signal: this.#stop.signal, flow }
    // All pages of one map are valid at the same moment, which bounds how many they can be.
    const { pagesPerMap = range.pages } = this.#device.capabilities.require('dma.mirror')
    for (const slice of range.chunks(pagesPerMap)) {
      await this.#mirror?.map(slice, options, (mapping) => this.#install(mapping))
    }
  }

  // Runs only if the pages are still valid, and nothing can change that while it runs.
  #install(mapping: MirrorMapping): void {
    if (this.#stop.signal.aborted) return
    for (const run of mapping.runs()) {
      const range = mapping.range.slice(run.first, run.pages)
      const atomic = mapping.isExclusive(run.first)
      this.#control.map(this.vmm, range, run.dmaPage, { write: run.writable, atomic })
      if (run.isDevice) this.#devicePages += run.pages
    }
  }

  #zap(gone: VirtualRange): void {
    if (!this.#stop.signal.aborted) this.#control.zap(this.vmm, gone)
  }
}
