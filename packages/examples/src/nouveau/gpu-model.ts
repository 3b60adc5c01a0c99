import { defineDevice, type Bus, type DevicePorts } from '@hmm-sdk/hmm-api'
import { GpuChannel } from './gpu-channel.js'
import { runProgram } from './gpu-programs.js'
import { BARS, CHANNEL, CHANNEL_STATE, COMMAND, DOORBELL, GPU_ID, MMU } from './gpu-registers.js'
import { PageTable } from './page-table.js'

/**
 * A GPU with page tables of its own and replayable faults: its programs use plain pointers of a
 * process. An access without a page table entry stops that thread only and goes to the fault
 * buffer; when the driver answers, the access is replayed, or the channel is cancelled.
 */
class Gpu implements DevicePorts {
  readonly #bus: Bus
  #mmu = new BigUint64Array(BARS[0] / 8)
  #tables = new Map<number, PageTable>()
  #channels: GpuChannel[]

  constructor(bus: Bus) {
    this.#bus = bus
    this.#channels = this.#newChannels()
  }

  read(bar: number, offset: number): bigint {
    if (bar === 0) return this.#mmu[Math.floor(offset / 8)] ?? 0n
    const channel = this.#channelAt(offset)
    const register = offset % CHANNEL.channelBytes
    if (register === CHANNEL.state) return BigInt(CHANNEL_STATE.indexOf(channel.state))
    if (register === CHANNEL.faultAddress) return channel.faultAddress
    if (register === CHANNEL.busError) return channel.busError ? 1n : 0n
    return channel.registers[Math.floor(register / 8)] ?? 0n
  }

  write(bar: number, offset: number, _width: 4 | 8, value: bigint): void {
    if (bar === 0) {
      this.#mmu[Math.floor(offset / 8)] = value
      if (offset === MMU.command) this.#command(Number(value))
      return
    }
    const channel = this.#channelAt(offset)
    const register = offset % CHANNEL.channelBytes
    if (register === CHANNEL.doorbell) {
      if (Number(value) === DOORBELL.cancel) channel.cancel()
      else this.#start(channel)
    } else if (register === CHANNEL.state) {
      channel.acknowledge()
    } else channel.registers[Math.floor(register / 8)] = value
  }

  reset(): void {
    for (const channel of this.#channels) channel.cancel()
    // Programs in flight still have the old ones, and end there.
    this.#channels = this.#newChannels()
    this.#tables = new Map()
    this.#mmu = new BigUint64Array(BARS[0] / 8)
  }

  #newChannels(): GpuChannel[] {
    return Array.from({ length: CHANNEL.channels }, (_, id) => new GpuChannel(this.#bus, id))
  }

  #channelAt(offset: number): GpuChannel {
    return this.#channels[Math.floor(offset / CHANNEL.channelBytes)] as GpuChannel
  }

  #operand(register: number): number {
    return Number(this.#mmu[register / 8])
  }

  #command(command: number): void {
    const id = this.#operand(MMU.vmm)
    const table = this.#tables.get(id)
    const page = this.#operand(MMU.page)
    const count = this.#operand(MMU.count)
    let done = table !== undefined
    if (command === COMMAND.createVmm) {
      done = table === undefined
      if (done) this.#tables.set(id, new PageTable())
    } else if (command === COMMAND.map) {
      table?.map(page, count, this.#operand(MMU.dmaPage), this.#operand(MMU.rights))
    } else if (command === COMMAND.zap) table?.zap(page, count)
    else if (command === COMMAND.destroyVmm) this.#tables.delete(id)
    else done = false
    this.#mmu[MMU.done / 8] = done ? 1n : 0n
  }

  #start(channel: GpuChannel): void {
    if (channel.state === 'running') return
    channel.table = this.#tables.get(Number(channel.argument(CHANNEL.vmm)))
    channel.pageShift = this.#operand(MMU.pageShift)
    channel.start()
    if (channel.table === undefined) channel.cancel()
    this.#bus.run(`a program of channel ${channel.id}`, async () => {
      await runProgram(channel)
      channel.end()
      this.#bus.interrupt()
    })
  }
}

/** The GPU as a device, for the config: `devices: { gpu: { model: gpuModel, ... } }`. */
export const gpuModel = defineDevice({
  name: 'nouveau-gpu',
  match: GPU_ID,
  bars: BARS,
  start: (bus) => new Gpu(bus),
})
