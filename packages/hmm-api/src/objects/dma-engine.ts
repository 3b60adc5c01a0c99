import type { DmaAddress } from '../address/address.js'
import { HmmError } from '../error/hmm-error.js'
import type { RawEngine } from '../raw/raw-engine.js'
import { checkAddress, checkBytes, checkInteger, checkUint8Array } from './check.js'
import { rawWait, type Wait } from './context.js'
import type { Device } from './device.js'
import { RAW } from './raw-of.js'

/**
 * Moves bytes as the device does: through DMA addresses only. An access to an address that is not
 * mapped, was revoked, or lacks the right fails with EFAULT, and touches nothing else.
 *
 * All methods fail with EOPNOTSUPP on a device without an engine, EBADF after close, EINTR and
 * ETIMEDOUT by their wait options.
 */
export class DmaEngine {
  readonly #device: Device

  /** @internal */
  constructor(device: Device) {
    this.#device = device
  }

  /** Most bytes of one access; 0 without an engine. */
  get maxBytes(): number {
    return this.#device[RAW].engine?.maxBytes ?? 0
  }

  /** Reads `length` bytes (1 to `maxBytes`) at `address`. */
  read(address: DmaAddress, length: number, wait?: Wait): Promise<Uint8Array> {
    return this.#run(
      'engine.read',
      address,
      () => checkBytes('length', length),
      (engine, page, offset) => engine.read(page, offset, length, rawWait(wait)),
    )
  }

  /** Writes `bytes` (1 to `maxBytes`) at `address`. */
  write(address: DmaAddress, bytes: Uint8Array, wait?: Wait): Promise<void> {
    return this.#run(
      'engine.write',
      address,
      () => checkBytes('bytes.length', checkUint8Array('bytes', bytes).length),
      (engine, page, offset) => engine.write(page, offset, bytes, rawWait(wait)),
    )
  }

  /** Copies `length` bytes from `from` to `to`, in pieces of `maxBytes`. */
  async copy(from: DmaAddress, to: DmaAddress, length: number, wait?: Wait): Promise<void> {
    checkBytes('length', length)
    checkAddress('DmaAddress', from)
    checkAddress('DmaAddress', to)
    for (let done = 0; done < length; done += this.maxBytes) {
      const piece = Math.min(this.maxBytes || length, length - done)
      const bytes = await this.read((from + BigInt(done)) as DmaAddress, piece, wait)
      await this.write((to + BigInt(done)) as DmaAddress, bytes, wait)
    }
  }

  /**
   * Atomic add to the aligned 32-bit word at `address`, which the device must hold exclusively
   * (`mirror.exclusive`); the value before. Errors: EPERM (not exclusive), EFAULT (revoked).
   */
  fetchAdd(address: DmaAddress, delta: number, wait?: Wait): Promise<number> {
    const bytes = (): number => {
      checkInteger('delta', delta, -(2 ** 31), 2 ** 32 - 1)
      return 4
    }
    return this.#run('engine.fetchAdd', address, bytes, (engine, page, offset) => {
      this.#device.capabilities.require('engine.atomics')
      if (offset % 4 !== 0) throw new RangeError('the address of a 32-bit word is aligned to 4')
      return (engine.fetchAdd as NonNullable<RawEngine['fetchAdd']>)(
        page,
        offset,
        delta,
        rawWait(wait),
      )
    })
  }

  #run<T>(
    op: string,
    address: DmaAddress,
    lengthOf: () => number,
    run: (engine: RawEngine, page: number, offset: number) => Promise<T>,
  ): Promise<T> {
    return this.#device.context.wait(op, undefined, async () => {
      this.#device.checkOpen(op)
      this.#device.capabilities.require('engine')
      const engine = this.#device[RAW].engine as RawEngine
      checkAddress('DmaAddress', address)
      const length = lengthOf()
      if (length > engine.maxBytes) {
        throw new HmmError('EINVAL', {
          message: `${length} bytes are more than one access moves (${engine.maxBytes})`,
          hint: 'Move it in pieces, or use engine.copy.',
        })
      }
      const size = 1n << BigInt(this.#device[RAW].dma.limits.pageShift)
      return run(engine, Number(address / size), Number(address % size))
    })
  }
}
