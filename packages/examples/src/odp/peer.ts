import { HmmError, type Completion, type Device } from '@hmm-sdk/hmm-api'
import {
  OPCODE,
  PAYLOAD_BYTES,
  STATUS,
  VECTOR,
  WIRE,
  type WireStatus,
} from './adapter-registers.js'

/** Long enough for every retry of a slow engine; a request that takes longer is lost. */
const REQUEST_DEADLINE_MS = 60_000

/** What came back for a request. */
export interface Reply {
  readonly status: WireStatus
  /** The bytes of a read that succeeded; empty otherwise. */
  readonly bytes: Uint8Array
}

/**
 * The other machine: reaches memory of a process by key and offset, and knows nothing of its
 * addresses. It sits behind the adapter's wire registers, where a cable would be.
 */
export class Peer implements Disposable {
  readonly #device: Device
  readonly #waiting: (Completion | undefined)[] = Array.from({ length: WIRE.slots })
  readonly #stop: () => void

  constructor(device: Device) {
    this.#device = device
    this.#stop = device.interrupts.listen((vector) => {
      if (vector === VECTOR.wire) this.#collect()
    })
  }

  /** Reads `length` bytes. Fails only if the adapter itself does. */
  async read(key: number, offset: number, length: number): Promise<Reply> {
    const slot = this.#takeSlot()
    const status = await this.#request(slot, key, offset, length, OPCODE.read)
    const bytes = status === 'ok' ? this.#readPayload(slot, length) : new Uint8Array()
    this.#freeSlot(slot)
    return { status, bytes }
  }

  /** Writes `bytes`. Fails only if the adapter itself does. */
  async write(key: number, offset: number, bytes: Uint8Array): Promise<Reply> {
    const slot = this.#takeSlot()
    this.#writePayload(slot, bytes)
    const status = await this.#request(slot, key, offset, bytes.length, OPCODE.write)
    this.#freeSlot(slot)
    return { status, bytes: new Uint8Array() }
  }

  [Symbol.dispose](): void {
    this.#stop()
  }

  #takeSlot(): number {
    const slot = this.#waiting.indexOf(undefined)
    if (slot < 0) {
      throw new HmmError('EBUSY', { message: `${WIRE.slots} requests are in flight already` })
    }
    this.#waiting[slot] = this.#device.sync.completion(`request ${slot}`)
    return slot
  }

  #freeSlot(slot: number): void {
    this.#device.registers.write32(this.#register(slot, WIRE.status), 0, 1)
    this.#waiting[slot] = undefined
  }

  async #request(
    slot: number,
    key: number,
    offset: number,
    length: number,
    opcode: number,
  ): Promise<WireStatus> {
    const { registers } = this.#device
    registers.write64(this.#register(slot, WIRE.key), BigInt(key), 1)
    registers.write64(this.#register(slot, WIRE.offset), BigInt(offset), 1)
    registers.write64(this.#register(slot, WIRE.length), BigInt(length), 1)
    registers.write32(this.#register(slot, WIRE.doorbell), opcode, 1)
    await this.#waiting[slot]?.wait({ deadlineMs: REQUEST_DEADLINE_MS })
    return this.#status(slot)
  }

  /** Interrupts coalesce: all that is complete is collected. */
  #collect(): void {
    for (const [slot, completion] of this.#waiting.entries()) {
      if (completion !== undefined && this.#status(slot) !== 'busy') completion.complete()
    }
  }

  #register(slot: number, register: number): number {
    return slot * WIRE.slotBytes + register
  }

  #status(slot: number): WireStatus {
    const value = this.#device.registers.read32(this.#register(slot, WIRE.status), 1)
    return STATUS[value] ?? 'free'
  }

  #readPayload(slot: number, length: number): Uint8Array {
    const words = new BigUint64Array(Math.ceil(length / 8))
    for (let index = 0; index < words.length; index++) {
      words[index] = this.#device.registers.read64(slot * PAYLOAD_BYTES + 8 * index, 2)
    }
    return new Uint8Array(words.buffer, 0, length)
  }

  #writePayload(slot: number, bytes: Uint8Array): void {
    const words = new BigUint64Array(Math.ceil(bytes.length / 8))
    new Uint8Array(words.buffer).set(bytes)
    for (const [index, word] of words.entries()) {
      this.#device.registers.write64(slot * PAYLOAD_BYTES + 8 * index, word, 2)
    }
  }
}
