import type { RawBuffer, RawCoherentBuffer } from '@hmm-sdk/hmm-api/raw'
import { check } from './call-error.js'
import type { Descriptor } from './descriptor.js'
import * as uapi from './uapi.js'

/** Bytes of one BUFFER_READ or BUFFER_WRITE. */
const CHUNK = 1 << 20

/** Memory of the module, which its CPU side copies in and out. */
export class KernelBuffer implements RawBuffer {
  readonly bytes: number
  /** Number in the module. */
  readonly buffer: number
  readonly #descriptor: Descriptor
  readonly #freed: () => void

  constructor(descriptor: Descriptor, buffer: number, bytes: number, freed: () => void) {
    this.#descriptor = descriptor
    this.buffer = buffer
    this.bytes = bytes
    this.#freed = freed
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    this.#copy(uapi.IOC_BUFFER_READ, offset, length, (payload, at) => ({
      after: () => bytes.set(payload, at),
    }))
    return bytes
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#copy(uapi.IOC_BUFFER_WRITE, offset, bytes.length, (payload, at) => {
      payload.set(bytes.subarray(at, at + payload.length))
      return { after: () => undefined }
    })
  }

  free(): void {
    const values = { buffer: this.buffer }
    this.#descriptor.once(uapi.IOC_BUFFER_FREE, uapi.BufferFree, values, (result) => check(result))
    this.#freed()
  }

  #copy(
    request: number,
    offset: number,
    length: number,
    before: (payload: Uint8Array, at: number) => { after: () => void },
  ): void {
    for (let at = 0; at < length; at += CHUNK) {
      const size = Math.min(CHUNK, length - at)
      const call = this.#descriptor.call(uapi.BufferCopy, size)
      try {
        call.fill({ buffer: this.buffer, offset: offset + at, length: size }).point('data')
        const { after } = before(call.payload, at)
        check(this.#descriptor.run(request, call))
        after()
      } finally {
        this.#descriptor.end(call)
      }
    }
  }
}

/** A coherent buffer: mapped as long as it lives. */
export class KernelCoherentBuffer extends KernelBuffer implements RawCoherentBuffer {
  readonly dmaPage: number

  constructor(
    descriptor: Descriptor,
    buffer: number,
    bytes: number,
    dmaPage: number,
    freed: () => void,
  ) {
    super(descriptor, buffer, bytes, freed)
    this.dmaPage = dmaPage
  }
}
