import { dmaAddress, HmmError, type Access, type Bus, type DmaAddress } from '@hmm-sdk/hmm-api'
import { CHANNEL, type ChannelState } from './gpu-registers.js'
import type { PageTable } from './page-table.js'

/** How often one access is replayed before the channel is given up. */
const MAX_REPLAYS = 64

/** Ends the program of a cancelled channel. */
export class Cancelled extends Error {}

/** A channel of the GPU while it runs a program: its pointers, its faults, its end. */
export class GpuChannel {
  readonly id: number
  readonly registers = new BigUint64Array(CHANNEL.channelBytes / 8)
  faultAddress = 0n
  busError = false
  /** Its address space and page size, while it runs. */
  table: PageTable | undefined
  pageShift = 12
  readonly #bus: Bus
  #state: ChannelState = 'idle'
  #cancelling = false

  constructor(bus: Bus, id: number) {
    this.#bus = bus
    this.id = id
  }

  argument(register: number): bigint {
    return this.registers[register / 8] ?? 0n
  }

  /** Stays `'running'` until the last thread has ended, cancelled or not. */
  get state(): ChannelState {
    return this.#state
  }

  /** Whether threads may go on. */
  get goesOn(): boolean {
    return this.#state === 'running' && !this.#cancelling
  }

  start(): void {
    this.#state = 'running'
    this.#cancelling = false
    this.faultAddress = 0n
    this.busError = false
  }

  cancel(address = 0n): void {
    if (!this.goesOn) return
    this.#cancelling = true
    this.faultAddress = address
  }

  /** The last thread has ended. */
  end(): void {
    this.#state = this.#cancelling ? 'cancelled' : 'done'
  }

  acknowledge(): void {
    if (this.#state !== 'running') this.#state = 'idle'
  }

  async read(address: bigint, length: number): Promise<Uint8Array> {
    const all = new Uint8Array(length)
    for (const { at, bytes } of this.#pieces(address, length)) {
      const from = address + BigInt(at)
      const part = await this.#access(from, 'read', (dma) => this.#bus.read(dma, bytes))
      all.set(part, at)
    }
    return all
  }

  async write(address: bigint, all: Uint8Array): Promise<void> {
    for (const { at, bytes } of this.#pieces(address, all.length)) {
      const part = all.subarray(at, at + bytes)
      await this.#access(address + BigInt(at), 'write', (dma) => this.#bus.write(dma, part))
    }
  }

  async fetchAdd(address: bigint, delta: number): Promise<number> {
    return this.#access(address, 'atomic', (dma) => this.#bus.fetchAdd(dma, delta))
  }

  /**
   * One access inside one page, replayed after each fault. A translation that the IOMMU refuses, or
   * a page that is not held exclusively any more, was taken back while it was used: a fault too.
   */
  async #access<T>(
    address: bigint,
    access: Access,
    use: (address: DmaAddress) => Promise<T>,
  ): Promise<T> {
    const size = 1n << BigInt(this.pageShift)
    for (let replays = 0; replays <= MAX_REPLAYS; replays++) {
      if (!this.goesOn || this.table === undefined) throw new Cancelled()
      const dmaPage = this.table.translate(Number(address / size), access)
      if (dmaPage !== undefined) {
        try {
          return await use(dmaAddress(BigInt(dmaPage) * size + (address % size)))
        } catch (error) {
          if (HmmError.is(error, 'EIO')) {
            this.busError = true
            break
          }
          if (!HmmError.is(error, 'EFAULT') && !HmmError.is(error, 'EPERM')) throw error
        }
      }
      const outcome = await this.#bus.fault({ address, access, context: this.id })
      if (outcome === 'failed') break
    }
    this.cancel(address)
    throw new Cancelled()
  }

  /** The parts of an access that lie in one page each. */
  *#pieces(address: bigint, length: number): Generator<{ at: number; bytes: number }> {
    const size = 2 ** this.pageShift
    const start = Number(address % BigInt(size))
    for (let at = 0; at < length;) {
      const bytes = Math.min(size - ((start + at) % size), length - at)
      yield { at, bytes }
      at += bytes
    }
  }
}
