import { shown } from '../error/shown.js'
import type { RawRegisters } from '../raw/raw-device.js'
import type { Device } from './device.js'
import { RAW } from './raw-of.js'

/**
 * Register access (MMIO). Offsets are bytes, aligned to the width, inside the BAR (0 if left out):
 * RangeError otherwise. EOPNOTSUPP for a device without registers, EBADF after close.
 */
export class Registers {
  readonly #device: Device

  /** @internal */
  constructor(device: Device) {
    this.#device = device
  }

  /** Bytes of each BAR, by number; empty for a device without registers. */
  get bars(): readonly number[] {
    return this.#device[RAW].registers?.bars ?? []
  }

  read32(offset: number, bar = 0): number {
    return Number(this.#access('registers.read32', offset, bar, 4).read(bar, offset, 4))
  }

  /** `value` is 0..2^32-1. */
  write32(offset: number, value: number, bar = 0): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
      throw new TypeError(`${shown(value)} is not a 32-bit register value`)
    }
    this.#access('registers.write32', offset, bar, 4).write(bar, offset, 4, BigInt(value))
  }

  read64(offset: number, bar = 0): bigint {
    return this.#access('registers.read64', offset, bar, 8).read(bar, offset, 8)
  }

  /** `value` is 0..2^64-1. */
  write64(offset: number, value: bigint, bar = 0): void {
    if (typeof value !== 'bigint' || value < 0n || value >= 1n << 64n) {
      throw new TypeError(`${shown(value)} is not a 64-bit register value (a bigint)`)
    }
    this.#access('registers.write64', offset, bar, 8).write(bar, offset, 8, value)
  }

  #access(op: string, offset: number, bar: number, width: number): RawRegisters {
    this.#device.checkOpen(op)
    const raw = this.#device.context.call(op, undefined, () => {
      this.#device.capabilities.require('registers')
      return this.#device[RAW].registers as RawRegisters
    })
    const bytes = raw.bars[bar] ?? 0
    if (!Number.isInteger(offset) || offset < 0 || offset % width !== 0 || offset + width > bytes) {
      throw new RangeError(
        `register offset ${shown(offset)} of BAR ${shown(bar)} (${bytes} bytes) is outside or not aligned to ${width}`,
      )
    }
    return raw
  }
}
