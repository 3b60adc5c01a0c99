import { defineDevice, dmaAddress, HmmError, type Bus, type DevicePorts } from '@hmm-sdk/hmm-api'
import {
  ADAPTER_ID,
  BARS,
  COMMAND,
  CONTROL,
  OPCODE,
  PAYLOAD_BYTES,
  STATUS,
  VECTOR,
  WIRE,
  type WireStatus,
} from './adapter-registers.js'
import { MemoryKey } from './memory-key.js'

/** How often one access faults before the adapter gives it up. */
const MAX_FAULTS = 16

/** One request of the peer, while it is in flight or waits to be read. */
class Slot {
  readonly registers = new BigUint64Array(WIRE.slotBytes / 8)
  status: WireStatus = 'free'
  #payload = new Uint8Array()

  /** At least `bytes` of payload; it grows with what is asked of it. */
  payload(bytes: number): Uint8Array {
    if (this.#payload.length < bytes) {
      const grown = new Uint8Array(2 ** Math.ceil(Math.log2(bytes)))
      grown.set(this.#payload)
      this.#payload = grown
    }
    return this.#payload
  }
}

/**
 * An RDMA-like adapter with on-demand paging: a peer reads and writes registered memory by key and
 * offset, while the process knows nothing of it.
 *
 * The adapter checks bounds and rights by itself. Where a page has no translation it reports a page
 * fault to the driver, waits, and tries again. A translation that the IOMMU refuses was revoked
 * while it was used, which is the same thing: nothing was moved, fault again.
 */
class Adapter implements DevicePorts {
  readonly #bus: Bus
  #control = new BigUint64Array(BARS[0] / 8)
  #keys = new Map<number, MemoryKey>()
  #slots = Array.from({ length: WIRE.slots }, () => new Slot())
  #accesses = 0

  constructor(bus: Bus) {
    this.#bus = bus
  }

  read(bar: number, offset: number, width: 4 | 8): bigint {
    if (bar === 0) return this.#readControl(offset)
    const slot = this.#slotAt(bar, offset)
    if (bar === 2) {
      const at = offset % PAYLOAD_BYTES
      const view = new DataView(slot.payload(at + width).buffer, at, width)
      return width === 8 ? view.getBigUint64(0, true) : BigInt(view.getUint32(0, true))
    }
    const register = offset % WIRE.slotBytes
    if (register === WIRE.status) return BigInt(STATUS.indexOf(slot.status))
    return slot.registers[Math.floor(register / 8)] ?? 0n
  }

  write(bar: number, offset: number, width: 4 | 8, value: bigint): void {
    if (bar === 0) {
      this.#control[Math.floor(offset / 8)] = value
      if (offset === CONTROL.command) this.#command(Number(value))
      return
    }
    const slot = this.#slotAt(bar, offset)
    if (bar === 2) {
      const at = offset % PAYLOAD_BYTES
      const view = new DataView(slot.payload(at + width).buffer, at, width)
      if (width === 8) view.setBigUint64(0, value, true)
      else view.setUint32(0, Number(value), true)
      return
    }
    const register = offset % WIRE.slotBytes
    if (register === WIRE.status) slot.status = 'free'
    else if (register === WIRE.doorbell) this.#start(slot, Number(value))
    else slot.registers[Math.floor(register / 8)] = value
  }

  reset(): void {
    for (const key of this.#keys.values()) key.destroy()
    // Work in flight still has the old ones, and ends there.
    this.#keys = new Map()
    this.#slots = this.#slots.map(() => new Slot())
    this.#control = new BigUint64Array(BARS[0] / 8)
  }

  #slotAt(bar: number, offset: number): Slot {
    const bytes = bar === 1 ? WIRE.slotBytes : PAYLOAD_BYTES
    return this.#slots[Math.floor(offset / bytes)] as Slot
  }

  #operand(register: number): number {
    return Number(this.#control[register / 8])
  }

  #readControl(offset: number): bigint {
    if (offset === CONTROL.accesses) return BigInt(this.#accesses)
    if (offset === CONTROL.users) {
      return BigInt(this.#keys.get(this.#operand(CONTROL.key))?.users ?? 0)
    }
    return this.#control[Math.floor(offset / 8)] ?? 0n
  }

  #command(command: number): void {
    const id = this.#operand(CONTROL.key)
    const key = this.#keys.get(id)
    const page = this.#operand(CONTROL.page)
    const count = this.#operand(CONTROL.count)
    const writable = this.#operand(CONTROL.writable) === 1
    let done = key !== undefined
    if (command === COMMAND.createKey) {
      done = key === undefined && count > 0
      if (done) this.#keys.set(id, new MemoryKey(count, writable))
    } else if (command === COMMAND.install) {
      done = key?.install(page, count, this.#operand(CONTROL.dmaPage), writable) ?? false
    } else if (command === COMMAND.drop) {
      done = key?.drop(page, count) ?? false
    } else if (command === COMMAND.destroyKey) {
      key?.destroy()
      if (key?.users === 0) this.#forget(id, key)
    } else done = false
    this.#control[CONTROL.done / 8] = done ? 1n : 0n
  }

  #forget(id: number, key: MemoryKey): void {
    if (this.#keys.get(id) === key) this.#keys.delete(id)
    this.#bus.interrupt(VECTOR.keyIdle)
  }

  #start(slot: Slot, opcode: number): void {
    if (slot.status === 'busy') return
    slot.status = 'busy'
    this.#bus.run('a request of the peer', async () => {
      slot.status = await this.#serve(slot, opcode === OPCODE.write ? 'write' : 'read')
      this.#bus.interrupt(VECTOR.wire)
    })
  }

  async #serve(slot: Slot, access: 'read' | 'write'): Promise<WireStatus> {
    const id = Number(slot.registers[WIRE.key / 8])
    const offset = Number(slot.registers[WIRE.offset / 8])
    const length = Number(slot.registers[WIRE.length / 8])
    const key = this.#keys.get(id)
    if (key === undefined) return 'unknown-key'
    if (key.destroyed) return 'key-destroyed'
    if (length === 0 || length > PAYLOAD_BYTES) return 'out-of-range'
    if (offset + length > key.pages * this.#pageSize) return 'out-of-range'
    if (access === 'write' && !key.writable) return 'not-permitted'
    key.users += 1
    try {
      let status: WireStatus = 'ok'
      for (let at = 0; at < length && status === 'ok';) {
        const inPage = (offset + at) % this.#pageSize
        const bytes = Math.min(this.#pageSize - inPage, length - at)
        const part = slot.payload(length).subarray(at, at + bytes)
        status = await this.#move(id, key, offset + at, part, access)
        at += bytes
      }
      return status
    } finally {
      key.users -= 1
      if (key.destroyed && key.users === 0) this.#forget(id, key)
    }
  }

  get #pageSize(): number {
    return 2 ** this.#operand(CONTROL.pageShift)
  }

  /** Moves bytes of one page, through as many page faults as it takes. */
  async #move(
    id: number,
    key: MemoryKey,
    offset: number,
    part: Uint8Array,
    access: 'read' | 'write',
  ): Promise<WireStatus> {
    const page = Math.floor(offset / this.#pageSize)
    const inPage = BigInt(offset % this.#pageSize)
    for (let faults = 0; faults <= MAX_FAULTS; faults++) {
      if (key.destroyed) return 'key-destroyed'
      const dmaPage = key.translate(page, access)
      if (dmaPage !== undefined) {
        const first = BigInt(dmaPage) << BigInt(this.#operand(CONTROL.pageShift))
        const moved = await this.#access(first + inPage, part, access)
        if (moved !== 'revoked') return moved
      }
      const outcome = await this.#bus.fault({ address: BigInt(offset), access, context: id })
      if (outcome === 'failed') return key.destroyed ? 'key-destroyed' : 'page-fault-failed'
    }
    return 'too-many-faults'
  }

  /** One DMA access; `revoked` if the translation was taken back in the meantime. */
  async #access(
    address: bigint,
    part: Uint8Array,
    access: 'read' | 'write',
  ): Promise<'ok' | 'revoked' | 'transfer-failed'> {
    this.#accesses += 1
    try {
      if (access === 'write') await this.#bus.write(dmaAddress(address), part)
      else part.set(await this.#bus.read(dmaAddress(address), part.length))
      return 'ok'
    } catch (error) {
      if (HmmError.is(error, 'EFAULT')) return 'revoked'
      // An error of the bus ends this request; the adapter goes on.
      if (HmmError.is(error, 'EIO')) return 'transfer-failed'
      throw error
    }
  }
}

/** The adapter as a device, for the config: `devices: { adapter: { model: adapterModel, ... } }`. */
export const adapterModel = defineDevice({
  name: 'odp-adapter',
  match: ADAPTER_ID,
  bars: BARS,
  vectors: 2,
  start: (bus) => new Adapter(bus),
})
