import type { UapiField, UapiStruct } from './uapi.js'

/** Name of a field of a struct. */
export type FieldOf<S extends UapiStruct> = keyof S['fields'] & string

const TWO_32 = 2 ** 32

/** Where a field is, in 32-bit words from the begin of its struct. */
export function wordOf<S extends UapiStruct>(layout: S, name: FieldOf<S>): number {
  return (layout.fields[name] as UapiField).offset >> 2
}

/**
 * One struct of the binary interface at the start of `view`. Layouts come from the table only.
 */
export class StructView<S extends UapiStruct> {
  readonly #layout: S
  readonly #view: DataView

  constructor(layout: S, view: DataView) {
    this.#layout = layout
    this.#view = view
  }

  /** All fields zero. */
  clear(): void {
    new Uint8Array(this.#view.buffer, this.#view.byteOffset, this.#layout.size).fill(0)
  }

  /** A number; RangeError for a 64-bit value that a number cannot hold: see {@link getBig}. */
  get(name: FieldOf<S>, index = 0): number {
    const { offset, type } = this.#field(name)
    switch (type) {
      case 'u8':
        return this.#view.getUint8(offset + index)
      case 'u16':
        return this.#view.getUint16(offset + 2 * index, true)
      case 'u32':
        return this.#view.getUint32(offset + 4 * index, true)
      case 's32':
        return this.#view.getInt32(offset + 4 * index, true)
      case 'u64':
      case 's64': {
        const high = this.#view.getUint32(offset + 8 * index + 4, true)
        if (high >= 0x20_0000) throw new RangeError(`${name} is not a safe integer`)
        return high * TWO_32 + this.#view.getUint32(offset + 8 * index, true)
      }
    }
  }

  getBig(name: FieldOf<S>, index = 0): bigint {
    return this.#view.getBigUint64(this.#field(name).offset + 8 * index, true)
  }

  set(name: FieldOf<S>, value: number | bigint): void {
    const { offset, type } = this.#field(name)
    if (typeof value === 'bigint') this.#view.setBigUint64(offset, value, true)
    else if (type === 'u64' || type === 's64') {
      this.#view.setUint32(offset, value, true)
      this.#view.setUint32(offset + 4, Math.floor(value / TWO_32), true)
    } else if (type === 'u8') this.#view.setUint8(offset, value)
    else if (type === 'u16') this.#view.setUint16(offset, value, true)
    else this.#view.setUint32(offset, value, true)
  }

  /** Text of a u8 array, up to its first zero. */
  text(name: FieldOf<S>): string {
    const { offset, count } = this.#field(name)
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset + offset, count)
    const end = bytes.indexOf(0)
    return new TextDecoder().decode(bytes.slice(0, end < 0 ? count : end))
  }

  #field(name: FieldOf<S>): UapiField {
    return this.#layout.fields[name] as UapiField
  }
}
