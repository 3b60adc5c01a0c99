import {
  HmmError,
  type AddressSpace,
  type Device,
  type DeviceFault,
  type VirtualRange,
  type WorkQueue,
} from '@hmm-sdk/hmm-api'
import { Channel } from './channel.js'
import { groupFaults, type FaultGroup } from './fault-groups.js'
import { GpuControl } from './gpu-control.js'
import { CHANNEL } from './gpu-registers.js'
import { SharedMemory } from './shared-memory.js'

/**
 * Driver of a GPU with shared virtual memory (nouveau's SVM in the kernel): programs use pointers
 * of a process, pages are mapped when the GPU faults on them, and can live in the GPU's memory.
 */
export class NouveauDriver implements AsyncDisposable {
  readonly #device: Device
  readonly #control: GpuControl
  readonly #memories = new Set<SharedMemory>()
  readonly #channels = new Map<number, Channel>()
  readonly #faultWork: WorkQueue
  readonly #listening: Promise<void>
  readonly #stop = new AbortController()
  readonly #stopInterrupts: () => void
  readonly #counts = { faults: 0, batches: 0, mapped: 0 }
  #nextVmm = 1
  #closing: Promise<void> | undefined

  constructor(device: Device) {
    device.capabilities.require('dma.mirror')
    this.#device = device
    this.#control = new GpuControl(device)
    this.#stopInterrupts = device.interrupts.listen(() => {
      for (const channel of this.#channels.values()) channel.checkEnded()
    })
    this.#faultWork = device.sync.workQueue('fault buffer')
    this.#listening = this.#listen()
  }

  /** Faults that were served, in how many batches, by how many mappings. */
  get counts(): { readonly faults: number; readonly batches: number; readonly mapped: number } {
    return this.#counts
  }

  /** Lets the GPU use `range` of a process by its pointers. Errors: those of `device.mirror`. */
  async bind(space: AddressSpace, range: VirtualRange): Promise<SharedMemory> {
    const memory = new SharedMemory(this.#device, this.#control, this.#nextVmm++, range)
    await memory.bind(space)
    this.#memories.add(memory)
    return memory
  }

  /** Opens a channel whose pointers are those of `memory`. ENOSPC if all are in use. */
  openChannel(memory: SharedMemory): Channel {
    for (let id = 0; id < CHANNEL.channels; id++) {
      if (this.#channels.has(id)) continue
      const channel = new Channel(this.#device, this.#control, id, memory)
      this.#channels.set(id, channel)
      return channel
    }
    throw new HmmError('ENOSPC', { message: `all ${CHANNEL.channels} channels are in use` })
  }

  /** Closes a channel; what it runs is cancelled. */
  async closeChannel(channel: Channel): Promise<void> {
    await channel.close()
    this.#channels.delete(channel.id)
  }

  /** Unbinds memory, after closing the channels that use it: the fault work may still need it. */
  async unbind(memory: SharedMemory): Promise<void> {
    for (const channel of this.#channels.values()) {
      if (channel.memory === memory) await this.closeChannel(channel)
    }
    if (this.#memories.delete(memory)) await memory.close()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const ended = await Promise.allSettled([...this.#memories].map((each) => this.unbind(each)))
    this.#stop.abort()
    this.#stopInterrupts()
    await this.#listening
    await this.#faultWork.flush()
    for (const each of ended) if (each.status === 'rejected') throw each.reason
  }

  async #listen(): Promise<void> {
    try {
      for await (const batch of this.#device.faults({ signal: this.#stop.signal })) {
        this.#faultWork.queue(() => this.#serveBatch(batch))
      }
    } catch (error) {
      // The device stopped: close() is where this is heard.
      this.#faultWork.queue(() => Promise.reject(error))
    }
  }

  async #serveBatch(batch: readonly DeviceFault[]): Promise<void> {
    this.#counts.batches += 1
    this.#counts.faults += batch.length
    const pageOf = (fault: DeviceFault) =>
      this.#channels.get(fault.context)?.memory.pageOf(fault.address)
    for (const group of groupFaults(batch, pageOf)) await this.#serve(group)
  }

  /** Replays the accesses of a group, or cancels their channel, and only that one. */
  async #serve(group: FaultGroup<DeviceFault>): Promise<void> {
    const channel = this.#channels.get(group.channel)
    try {
      if (channel === undefined || channel.isCancelled || group.page === undefined) {
        throw new HmmError('EFAULT', { message: 'the pointer is not in shared memory' })
      }
      // One mapping answers all of them; in a trace it is of the first.
      await channel.memory.makeValid(group.page, group.access, group.faults[0]?.flow)
      this.#counts.mapped += 1
      for (const fault of group.faults) fault.resolve()
    } catch (error) {
      // What may pass by itself is replayed all the same; the GPU gives up after many replays.
      const again = HmmError.is(error) && error.retryable && channel?.isCancelled === false
      if (!again) channel?.blame(error)
      for (const fault of group.faults) {
        if (again) fault.resolve()
        else fault.fail()
      }
      if (!HmmError.is(error)) throw error
    }
  }
}
