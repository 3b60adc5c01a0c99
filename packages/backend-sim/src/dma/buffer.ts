import type { RawBuffer } from '@hmm-sdk/hmm-api/raw'
import { FRAME_BUFFER } from '../mm/frame-table.js'
import type { Machine } from '../sim/machine.js'

/** A driver's own memory: adjoining frames. */
export class SimBuffer implements RawBuffer {
  readonly bytes: number
  readonly pages: number
  readonly firstFrame: number
  readonly #machine: Machine
  readonly #freed: (buffer: SimBuffer) => void
  #free = false

  /** `firstFrame` is the first of enough frames with a reference each, which the buffer owns. */
  constructor(
    machine: Machine,
    bytes: number,
    firstFrame: number,
    freed: (buffer: SimBuffer) => void,
  ) {
    this.#machine = machine
    this.bytes = bytes
    this.pages = Math.ceil(bytes / machine.pageSize)
    this.firstFrame = firstFrame
    this.#freed = freed
  }

  /** Frames for a buffer; 0 if there is no memory. */
  static allocate(machine: Machine, bytes: number): number {
    return machine.frames.allocateRun(Math.ceil(bytes / machine.pageSize), FRAME_BUFFER)
  }

  read(offset: number, length: number): Uint8Array {
    const { frames, pageSize } = this.#machine
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length;) {
      const inPage = (offset + at) % pageSize
      const count = Math.min(pageSize - inPage, length - at)
      frames.read(this.#frame(offset + at), inPage, bytes, at, count)
      at += count
    }
    return bytes
  }

  write(offset: number, bytes: Uint8Array): void {
    const { frames, pageSize } = this.#machine
    for (let at = 0; at < bytes.length;) {
      const inPage = (offset + at) % pageSize
      const count = Math.min(pageSize - inPage, bytes.length - at)
      frames.write(this.#frame(offset + at), inPage, bytes.subarray(at, at + count))
      at += count
    }
  }

  free(): void {
    if (this.#free) return
    this.#free = true
    this.#machine.frames.freeRun(this.firstFrame, this.pages)
    this.#freed(this)
  }

  #frame(offset: number): number {
    return this.firstFrame + Math.floor(offset / this.#machine.pageSize)
  }
}
