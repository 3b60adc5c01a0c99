import { defineDevice, dmaAddress, type Bus, type DevicePorts } from '@hmm-sdk/hmm-api'

const IDENTIFICATION = 0x0100_00ed
const LIVENESS = 0x04
const FACTORIAL = 0x08
const STATUS = 0x20
const IRQ_STATUS = 0x24
const IRQ_RAISE = 0x60
const IRQ_ACKNOWLEDGE = 0x64
const DMA_SOURCE = 0x80
const DMA_DESTINATION = 0x88
const DMA_COUNT = 0x90
const DMA_COMMAND = 0x98

const STATUS_COMPUTING = 0x01
const STATUS_IRQ_FACTORIAL = 0x80
const IRQ_FACTORIAL = 0x001
const IRQ_DMA = 0x100
const COMMAND_RUN = 1
const COMMAND_TO_MEMORY = 2
const COMMAND_IRQ = 4
/** The device's buffer in its own address space. */
const BUFFER = 0x40000n
const BUFFER_BYTES = 4096
/** A transfer takes this long, whatever its length. */
const TRANSFER_MS = 100
/** Address lines: QEMU's property `dma_mask`, as the VM harness of the kernel backend sets it. */
const ADDRESS_MASK = (1n << 40n) - 1n

/** QEMU's educational PCI device: one BAR of registers, one buffer, one DMA channel. */
export const edu = defineDevice({
  name: 'edu',
  match: '1234:11e8',
  bars: [0x10_0000],
  start: (bus) => new EduPorts(bus),
})

class EduPorts implements DevicePorts {
  readonly #bus: Bus
  readonly #buffer = new Uint8Array(BUFFER_BYTES)
  #liveness = 0
  #factorial = 1
  #status = 0
  #irqStatus = 0
  #source = 0n
  #destination = 0n
  #count = 0n
  #command = 0n
  /** Changed by reset, so that work of before it ends without effect. */
  #life = 0

  constructor(bus: Bus) {
    this.#bus = bus
  }

  read(_bar: number, offset: number, width: 4 | 8): bigint {
    // Only the DMA registers are 64 bits wide; reads of half a register give nothing.
    if (offset < DMA_SOURCE && width !== 4) return ~0n & 0xffff_ffff_ffff_ffffn
    switch (offset) {
      case 0:
        return BigInt(IDENTIFICATION)
      case LIVENESS:
        return BigInt(this.#liveness >>> 0)
      case FACTORIAL:
        return BigInt(this.#factorial >>> 0)
      case STATUS:
        return BigInt(this.#status)
      case IRQ_STATUS:
        return BigInt(this.#irqStatus >>> 0)
      case DMA_SOURCE:
        return this.#source
      case DMA_DESTINATION:
        return this.#destination
      case DMA_COUNT:
        return this.#count
      case DMA_COMMAND:
        return this.#command
      default:
        return width === 8 ? 0xffff_ffff_ffff_ffffn : 0xffff_ffffn
    }
  }

  write(_bar: number, offset: number, width: 4 | 8, value: bigint): void {
    if (offset < DMA_SOURCE && width !== 4) return
    const busy = (this.#command & BigInt(COMMAND_RUN)) !== 0n
    switch (offset) {
      case LIVENESS:
        this.#liveness = ~Number(value)
        return
      case FACTORIAL:
        this.#startFactorial(Number(value))
        return
      case STATUS:
        this.#status =
          (this.#status & ~STATUS_IRQ_FACTORIAL) | (Number(value) & STATUS_IRQ_FACTORIAL)
        return
      case IRQ_RAISE:
        this.#raise(Number(value))
        return
      case IRQ_ACKNOWLEDGE:
        this.#irqStatus &= ~Number(value)
        return
      case DMA_SOURCE:
        if (!busy) this.#source = value
        return
      case DMA_DESTINATION:
        if (!busy) this.#destination = value
        return
      case DMA_COUNT:
        if (!busy) this.#count = value
        return
      case DMA_COMMAND:
        if (busy || (value & BigInt(COMMAND_RUN)) === 0n) return
        this.#command = value
        this.#startTransfer()
        return
    }
  }

  reset(): void {
    this.#life++
    this.#buffer.fill(0)
    this.#liveness = 0
    this.#factorial = 1
    this.#status = 0
    this.#irqStatus = 0
    this.#source = 0n
    this.#destination = 0n
    this.#count = 0n
    this.#command = 0n
  }

  #startFactorial(value: number): void {
    if ((this.#status & STATUS_COMPUTING) !== 0) return
    this.#status |= STATUS_COMPUTING
    const life = this.#life
    this.#bus.run('factorial', async () => {
      await this.#bus.sleep(0)
      if (life !== this.#life) return
      let result = 1
      for (let i = value; i > 0 && result !== 0; i--) result = Math.imul(result, i)
      this.#factorial = result
      this.#status &= ~STATUS_COMPUTING
      if ((this.#status & STATUS_IRQ_FACTORIAL) !== 0) this.#raise(IRQ_FACTORIAL)
    })
  }

  #startTransfer(): void {
    const life = this.#life
    this.#bus.run('DMA transfer', async () => {
      await this.#bus.sleep(TRANSFER_MS)
      if (life !== this.#life) return
      try {
        await this.#transfer(life)
      } catch {
        // The real device does not notice either: the bytes stay what they were.
      }
      if (life !== this.#life) return
      const interrupt = (this.#command & BigInt(COMMAND_IRQ)) !== 0n
      this.#command &= ~BigInt(COMMAND_RUN)
      if (interrupt) this.#raise(IRQ_DMA)
    })
  }

  async #transfer(life: number): Promise<void> {
    const length = Number(this.#count)
    if ((this.#command & BigInt(COMMAND_TO_MEMORY)) !== 0n) {
      const at = bufferOffset(this.#source, this.#count)
      const bytes = this.#buffer.slice(at, at + length)
      await this.#bus.write(dmaAddress(this.#destination & ADDRESS_MASK), bytes)
    } else {
      const at = bufferOffset(this.#destination, this.#count)
      const bytes = await this.#bus.read(dmaAddress(this.#source & ADDRESS_MASK), length)
      if (life === this.#life) this.#buffer.set(bytes, at)
    }
  }

  #raise(status: number): void {
    this.#irqStatus |= status
    if (this.#irqStatus !== 0) this.#bus.interrupt()
  }
}

/** Offset in the buffer; QEMU itself stops at a transfer that leaves it, this model fails it. */
function bufferOffset(address: bigint, count: bigint): number {
  if (address < BUFFER || address + count > BUFFER + BigInt(BUFFER_BYTES)) {
    throw new RangeError(`0x${address.toString(16)}+${count} is outside the buffer of edu`)
  }
  return Number(address - BUFFER)
}
