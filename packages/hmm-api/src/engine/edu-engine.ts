import { HmmError } from '../error/hmm-error.js'
import type { RawWait } from '../raw/raw-backend.js'
import type { RawDevice, RawInterrupts, RawRegisters } from '../raw/raw-device.js'
import type { RawCoherentBuffer } from '../raw/raw-dma.js'
import type { RawEngine } from '../raw/raw-engine.js'
import type { RawScheduler } from '../raw/raw-scheduler.js'
import { startTimer } from '../sync/start-timer.js'

/** PCI id of QEMU's `edu` device. */
export const EDU_ID = '1234:11e8'

const IRQ_STATUS = 0x24
const IRQ_ACKNOWLEDGE = 0x64
const DMA_SOURCE = 0x80
const DMA_DESTINATION = 0x88
const DMA_COUNT = 0x90
const DMA_COMMAND = 0x98
const COMMAND_START = 1
const COMMAND_TO_MEMORY = 2
const COMMAND_INTERRUPT = 4
const IRQ_DMA_DONE = 0x100
/** The device's own buffer, in its address space. */
const BUFFER = 0x40000
/**
 * QEMU ends itself when a transfer reaches the last byte of the 4 KiB buffer, so half of it is used.
 */
const BUFFER_BYTES = 2048
/**
 * QEMU's edu drives 28 address bits unless started with `dma_mask`, and cuts longer addresses off
 * without a word. Fewer than 32 bits make the kernel expect bounce buffers, which no mirror can
 * use, so 32 are asked for and the first use checks that they are there.
 */
const ADDRESS_BITS = 32
const CHECK_BYTES = 64
/** Longer than any transfer (100 ms in QEMU); a device that is silent for so long is broken. */
const TRANSFER_DEADLINE_MS = 20_000

/**
 * The engine of QEMU's `edu` device, driven through registers and interrupts, so that it is the
 * same on the simulated and on the real one.
 *
 * The device cannot reach its buffer by register, so each access is two transfers: between the
 * target and the device's buffer, and between that and a coherent page of ours. It reports no
 * errors either: an access to an address that is not mapped is refused before the doorbell, and
 * one that overlapped a revocation is discarded after it (`RawDma.revocations`).
 */
export class EduEngine implements RawEngine {
  readonly maxBytes = BUFFER_BYTES
  readonly #device: RawDevice
  readonly #registers: RawRegisters
  readonly #interrupts: RawInterrupts
  readonly #scheduler: RawScheduler
  #staging: RawCoherentBuffer | undefined
  #checked = false
  #closed = false
  #queue: Promise<unknown> = Promise.resolve()
  #transfers = 0
  /** Accesses that were asked for and have not ended. */
  #pending = 0

  private constructor(
    device: RawDevice,
    registers: RawRegisters,
    interrupts: RawInterrupts,
    scheduler: RawScheduler,
    staging: RawCoherentBuffer,
  ) {
    this.#device = device
    this.#staging = staging
    this.#registers = registers
    this.#interrupts = interrupts
    this.#scheduler = scheduler
  }

  /**
   * The engine of an opened device. Its staging page is allocated here: later it could be given an
   * address that was just revoked, and an access that must fault would find the page instead.
   * EIO if the platform cannot serve so few address bits, ENOMEM.
   */
  static async open(
    device: RawDevice,
    registers: RawRegisters,
    interrupts: RawInterrupts,
    scheduler: RawScheduler,
  ): Promise<EduEngine> {
    device.dma.setMask(ADDRESS_BITS)
    const staging = await device.dma.allocCoherent(BUFFER_BYTES)
    return new EduEngine(device, registers, interrupts, scheduler, staging)
  }

  /** Transfers done so far. */
  get transfers(): number {
    return this.#transfers
  }

  read(page: number, offset: number, length: number, wait: RawWait = {}): Promise<Uint8Array> {
    return this.#inTurn(wait, async (staging) => {
      await this.#guarded('read', page, offset, length, async (target) => {
        await this.#transfer(target, BUFFER, length, false)
        await this.#transfer(BUFFER, this.#address(staging.dmaPage, 0), length, true)
      })
      return staging.read(0, length)
    })
  }

  write(page: number, offset: number, bytes: Uint8Array, wait: RawWait = {}): Promise<void> {
    return this.#inTurn(wait, async (staging) => {
      staging.write(0, bytes)
      await this.#guarded('write', page, offset, bytes.length, async (target) => {
        await this.#transfer(this.#address(staging.dmaPage, 0), BUFFER, bytes.length, false)
        await this.#transfer(BUFFER, target, bytes.length, true)
      })
    })
  }

  /**
   * Fewer bits than the device drives, on behalf of the driver. The staging page is no mapping of
   * the driver's: it makes way, and the next access gets one within the mask of that time.
   * EBUSY during accesses; EIO as of the platform.
   */
  setMask(bits: number): void {
    if (this.#pending > 0) {
      throw new HmmError('EBUSY', {
        message: 'an access of the engine is under way',
        hint: 'Set the mask before the device is used.',
      })
    }
    this.#staging?.free()
    this.#staging = undefined
    this.#checked = false
    this.#device.dma.setMask(Math.min(bits, ADDRESS_BITS))
  }

  /**
   * Ends it: the transfer under way is waited for, since the device cannot be told to stop, what is
   * queued fails with ECANCELED, and the staging page is freed.
   */
  async close(): Promise<void> {
    this.#closed = true
    await this.#queue
    this.#staging?.free()
  }

  #address(page: number, offset: number): number {
    return page * 2 ** this.#device.dma.limits.pageShift + offset
  }

  #inTurn<T>(wait: RawWait, work: (staging: RawCoherentBuffer) => Promise<T>): Promise<T> {
    this.#pending += 1
    const turn = this.#queue.then(async () => {
      if (wait.signal?.aborted) {
        throw new HmmError('EINTR', { message: 'aborted by its signal', cause: wait.signal.reason })
      }
      const staging = (this.#staging ??= await this.#newStaging())
      if (!this.#checked) await this.#check(staging)
      return work(staging)
    })
    this.#queue = turn
      .catch(() => undefined)
      .finally(() => {
        this.#pending -= 1
      })
    return turn
  }

  /** A page of an address that was just revoked is none of the driver's either: see `#guarded`. */
  async #newStaging(): Promise<RawCoherentBuffer> {
    try {
      return await this.#device.dma.allocCoherent(BUFFER_BYTES)
    } catch (cause) {
      throw new HmmError('EIO', {
        message: 'no page of the engine within the DMA mask',
        hint: 'Give the mask more bits.',
        cause,
      })
    }
  }

  /** Sends a pattern to the device and back to another place of the staging page. */
  async #check(staging: RawCoherentBuffer): Promise<void> {
    const pattern = Uint8Array.from({ length: CHECK_BYTES }, (_, index) => 0xa5 ^ index)
    staging.write(0, pattern)
    await this.#transfer(this.#address(staging.dmaPage, 0), BUFFER, CHECK_BYTES, false)
    await this.#transfer(BUFFER, this.#address(staging.dmaPage, CHECK_BYTES), CHECK_BYTES, true)
    const echo = staging.read(CHECK_BYTES, CHECK_BYTES)
    this.#checked = echo.every((byte, index) => byte === pattern[index])
    if (this.#checked) return
    throw new HmmError('EIO', {
      message: `the device does not drive ${ADDRESS_BITS} address bits: bytes do not come back`,
      hint: 'Start QEMU with -device edu,dma_mask=0xffffffffff',
    })
  }

  async #guarded(
    access: string,
    page: number,
    offset: number,
    length: number,
    work: (target: number) => Promise<void>,
  ): Promise<void> {
    if (this.#address(page, offset) + length > 2 ** ADDRESS_BITS) {
      throw deviceFault(access, `the device drives ${ADDRESS_BITS} address bits`)
    }
    const before = this.#revocations(page, offset, length)
    // Our own page is no memory of the driver's, though it may stand right behind a mapping of it.
    const isStaging = before.some((_, index) => page + index === this.#staging?.dmaPage)
    if (isStaging || before.includes(-1)) throw deviceFault(access, 'the address is not mapped')
    await work(this.#address(page, offset))
    const after = this.#revocations(page, offset, length)
    if (after.some((count, index) => count !== before[index])) {
      throw deviceFault(access, 'the mapping was revoked during the transfer (revocation-overlap)')
    }
  }

  #revocations(page: number, offset: number, length: number): number[] {
    const pages = Math.ceil((offset + length) / 2 ** this.#device.dma.limits.pageShift)
    return Array.from({ length: pages }, (_, index) => this.#device.dma.revocations(page + index))
  }

  async #transfer(
    source: number,
    destination: number,
    length: number,
    toMemory: boolean,
  ): Promise<void> {
    if (this.#closed) throw new HmmError('ECANCELED', { message: 'the device was closed' })
    const done = this.#scheduler.createWait('edu transfer')
    let finished = false
    const finish = (): void => {
      if ((this.#registers.read(0, IRQ_STATUS, 4) & BigInt(IRQ_DMA_DONE)) === 0n) return
      this.#registers.write(0, IRQ_ACKNOWLEDGE, 4, BigInt(IRQ_DMA_DONE))
      finished = true
      done.wake()
    }
    this.#interrupts.listen(finish)
    const stop = startTimer(this.#scheduler, TRANSFER_DEADLINE_MS, () => done.wake())
    try {
      this.#registers.write(0, DMA_SOURCE, 8, BigInt(source))
      this.#registers.write(0, DMA_DESTINATION, 8, BigInt(destination))
      this.#registers.write(0, DMA_COUNT, 8, BigInt(length))
      const command = COMMAND_START | COMMAND_INTERRUPT | (toMemory ? COMMAND_TO_MEMORY : 0)
      this.#registers.write(0, DMA_COMMAND, 8, BigInt(command))
      await done.promise
    } finally {
      stop()
      this.#interrupts.listen(undefined)
    }
    if (!finished) {
      throw new HmmError('ETIMEDOUT', {
        message: `the device did not finish a transfer within ${TRANSFER_DEADLINE_MS} ms`,
      })
    }
    this.#transfers += 1
  }
}

function deviceFault(access: string, why: string): HmmError {
  return new HmmError('EFAULT', {
    message: `device fault on ${access}: ${why}`,
    hint: 'Map the range again and retry; a revoked address is never valid again by itself.',
  })
}
