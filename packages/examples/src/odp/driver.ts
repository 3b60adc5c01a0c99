import type { AddressSpace, Device, DeviceFault, VirtualRange, WorkQueue } from '@hmm-sdk/hmm-api'
import { AdapterControl } from './adapter-control.js'
import { VECTOR } from './adapter-registers.js'
import { MemoryRegion, type Rights } from './memory-region.js'

/**
 * Driver of an RDMA-like adapter with on-demand paging (`ib_umem_odp` in the kernel): memory
 * regions that a peer reads and writes by key, and that are never pinned.
 */
export class OdpDriver implements AsyncDisposable {
  readonly #device: Device
  readonly #control: AdapterControl
  readonly #regions = new Map<number, MemoryRegion>()
  readonly #faults: WorkQueue
  readonly #listening: Promise<void>
  readonly #stop = new AbortController()
  readonly #stopInterrupts: () => void
  #nextKey = 1
  #closing: Promise<void> | undefined

  constructor(device: Device) {
    device.capabilities.require('dma.mirror')
    this.#device = device
    this.#control = new AdapterControl(device)
    this.#stopInterrupts = device.interrupts.listen((vector) => {
      if (vector !== VECTOR.keyIdle) return
      for (const region of this.#regions.values()) region.checkIdle()
    })
    this.#faults = device.sync.workQueue('page faults')
    this.#listening = this.#listen()
  }

  /** DMA accesses that the adapter has done. */
  get accesses(): number {
    return this.#control.accesses
  }

  /**
   * Registers memory of a process for the peer. Only what is present is translated; nothing is
   * faulted in or pinned. Errors: those of `device.mirror`, such as ESRCH.
   */
  async registerRegion(
    space: AddressSpace,
    range: VirtualRange,
    rights: Rights,
  ): Promise<MemoryRegion> {
    const key = this.#nextKey++
    const region = new MemoryRegion(this.#device, this.#control, key, range, rights)
    this.#regions.set(key, region)
    try {
      await region.register(space)
    } catch (error) {
      this.#regions.delete(key)
      throw error
    }
    return region
  }

  /** Ends a region, see {@link MemoryRegion.deregister}. */
  async deregister(region: MemoryRegion): Promise<void> {
    await region.deregister()
    this.#regions.delete(region.key)
  }

  /** Ends all regions, then the fault handler that their last requests still need. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const ended = await Promise.allSettled(
      [...this.#regions.values()].map((region) => this.deregister(region)),
    )
    this.#stop.abort()
    this.#stopInterrupts()
    await this.#listening
    await this.#faults.flush()
    for (const each of ended) if (each.status === 'rejected') throw each.reason
  }

  async #listen(): Promise<void> {
    try {
      for await (const batch of this.#device.faults({ signal: this.#stop.signal })) {
        for (const fault of batch) this.#faults.queue(() => this.#serve(fault))
      }
    } catch (error) {
      // The device stopped: close() is where this is heard.
      this.#faults.queue(() => Promise.reject(error))
    }
  }

  async #serve(fault: DeviceFault): Promise<void> {
    const region = this.#regions.get(fault.context)
    if (region === undefined) fault.fail()
    else await region.handle(fault)
  }
}
