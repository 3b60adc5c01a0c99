import { HmmError, type Device, type DmaPage, type VirtualRange } from '@hmm-sdk/hmm-api'
import {
  CHANNEL,
  CHANNEL_STATE,
  COMMAND,
  DOORBELL,
  MMU,
  RIGHT,
  type ChannelState,
} from './gpu-registers.js'

/** What a channel is told to do: a program, its arguments in a, b and c, and a count. */
export interface Launch {
  readonly vmm: number
  readonly program: number
  readonly arguments: readonly bigint[]
  readonly count: number
}

/**
 * The driver's hands on the GPU. Every method is a few register writes without a wait between
 * them, so it may be called from commits and invalidate callbacks, and none can come in between.
 */
export class GpuControl {
  readonly #device: Device

  constructor(device: Device) {
    this.#device = device
    device.registers.write64(MMU.pageShift, BigInt(device.dma.limits.pageShift))
  }

  createVmm(vmm: number): void {
    this.#run(COMMAND.createVmm, vmm)
  }

  destroyVmm(vmm: number): void {
    this.#run(COMMAND.destroyVmm, vmm)
  }

  /** Writes page table entries for `range`, to DMA pages that follow each other. */
  map(
    vmm: number,
    range: VirtualRange,
    dmaPage: DmaPage,
    may: { readonly write: boolean; readonly atomic: boolean },
  ): void {
    this.#setRange(range)
    this.#set(MMU.dmaPage, dmaPage)
    this.#set(MMU.rights, (may.write ? RIGHT.write : 0) | (may.atomic ? RIGHT.atomic : 0))
    this.#run(COMMAND.map, vmm)
  }

  /** Clears the page table entries of `range`. */
  zap(vmm: number, range: VirtualRange): void {
    this.#setRange(range)
    this.#run(COMMAND.zap, vmm)
  }

  start(channel: number, launch: Launch): void {
    const [a = 0n, b = 0n, c = 0n] = launch.arguments
    this.#write(channel, CHANNEL.vmm, BigInt(launch.vmm))
    this.#write(channel, CHANNEL.program, BigInt(launch.program))
    this.#write(channel, CHANNEL.a, a)
    this.#write(channel, CHANNEL.b, b)
    this.#write(channel, CHANNEL.c, c)
    this.#write(channel, CHANNEL.count, BigInt(launch.count))
    this.#write(channel, CHANNEL.doorbell, BigInt(DOORBELL.start))
  }

  cancel(channel: number): void {
    this.#write(channel, CHANNEL.doorbell, BigInt(DOORBELL.cancel))
  }

  state(channel: number): ChannelState {
    return CHANNEL_STATE[Number(this.#read(channel, CHANNEL.state))] ?? 'idle'
  }

  /** Takes what ended a channel, which is idle after that. */
  takeState(channel: number): {
    readonly state: ChannelState
    readonly faultAddress: bigint
    readonly busError: boolean
  } {
    const ended = {
      state: this.state(channel),
      faultAddress: this.#read(channel, CHANNEL.faultAddress),
      busError: this.#read(channel, CHANNEL.busError) === 1n,
    }
    this.#write(channel, CHANNEL.state, 0n)
    return ended
  }

  #setRange(range: VirtualRange): void {
    this.#set(MMU.page, range.startPage)
    this.#set(MMU.count, range.pages)
  }

  #set(register: number, value: number): void {
    this.#device.registers.write64(register, BigInt(value))
  }

  #run(command: number, vmm: number): void {
    this.#set(MMU.vmm, vmm)
    this.#set(MMU.command, command)
    if (this.#device.registers.read64(MMU.done) === 1n) return
    throw new HmmError('EIO', {
      message: `the GPU refused command ${command} on address space ${vmm}`,
    })
  }

  #read(channel: number, register: number): bigint {
    return this.#device.registers.read64(channel * CHANNEL.channelBytes + register, 1)
  }

  #write(channel: number, register: number, value: bigint): void {
    this.#device.registers.write64(channel * CHANNEL.channelBytes + register, value, 1)
  }
}
