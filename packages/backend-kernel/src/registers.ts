import type { RawRegisters } from '@hmm-sdk/hmm-api/raw'
import { check } from './call-error.js'
import type { Descriptor } from './descriptor.js'
import * as uapi from './uapi.js'

/** Registers of a PCI device, checked by the module: width, alignment, bounds. */
export class KernelRegisters implements RawRegisters {
  readonly bars: readonly number[]
  readonly #descriptor: Descriptor

  constructor(descriptor: Descriptor, bars: readonly number[]) {
    this.#descriptor = descriptor
    this.bars = bars
  }

  read(bar: number, offset: number, width: 4 | 8): bigint {
    const values = { bar, width, offset }
    return this.#descriptor.once(uapi.IOC_REG_READ, uapi.Register, values, (result, call) => {
      check(result)
      return call.getBig('value')
    })
  }

  write(bar: number, offset: number, width: 4 | 8, value: bigint): void {
    const values = { bar, width, offset, value }
    this.#descriptor.once(uapi.IOC_REG_WRITE, uapi.Register, values, (result) =>
      check(result, {
        hint: 'The module refuses writes that would make the device reach where it must not.',
      }),
    )
  }
}
