import type { RawInterrupts } from '@hmm-sdk/hmm-api/raw'
import { check } from './call-error.js'
import type { Descriptor } from './descriptor.js'
import * as uapi from './uapi.js'

/**
 * Interrupts of a device, as events of the module.
 *
 * A level-triggered line is masked by the module at each interrupt. It is unmasked after the
 * listener returned; a cause that the listener has not cleared then raises it again.
 */
export class KernelInterrupts implements RawInterrupts {
  readonly vectors: number
  readonly #descriptor: Descriptor
  readonly #isLine: boolean
  #listener: ((vector: number) => void) | undefined
  #listening = false

  constructor(descriptor: Descriptor, vectors: number, isLine: boolean) {
    this.#descriptor = descriptor
    this.vectors = vectors
    this.#isLine = isLine
  }

  listen(listener: ((vector: number) => void) | undefined): void {
    this.#listener = listener
    const enable = listener !== undefined
    if (enable === this.#listening) return
    this.#listening = enable
    this.#control(uapi.IOC_IRQ_LISTEN, 0, enable ? 1 : 0)
  }

  /** An interrupt event came. */
  deliver(vector: number): void {
    try {
      this.#listener?.(vector)
    } finally {
      if (this.#isLine) this.#control(uapi.IOC_IRQ_UNMASK, vector, 0)
    }
  }

  #control(request: number, vector: number, enable: number): void {
    this.#descriptor.once(request, uapi.Irq, { vector, enable }, (result) => check(result))
  }
}
