import type { Device } from './device.js'
import { RAW } from './raw-of.js'

/** Interrupts of a device. Handlers run synchronously, one after the other, and must not wait. */
export class Interrupts {
  readonly #device: Device
  readonly #handlers = new Set<(vector: number) => void>()

  /** @internal */
  constructor(device: Device) {
    this.#device = device
  }

  /** Number of vectors; 0 for a device without interrupts. */
  get vectors(): number {
    return this.#device[RAW].interrupts?.vectors ?? 0
  }

  /**
   * Calls `handler` for each interrupt (several may coalesce into one call); returns its removal.
   * EOPNOTSUPP for a device without interrupts, EBADF after close. `request_irq`
   */
  listen(handler: (vector: number) => void): () => void {
    this.#device.checkOpen('interrupts.listen')
    this.#device.context.call('interrupts.listen', undefined, () =>
      this.#device.capabilities.require('interrupts'),
    )
    const raw = this.#device[RAW].interrupts
    if (this.#handlers.size === 0) {
      raw?.listen((vector) => {
        for (const each of this.#handlers) each(vector)
      })
    }
    this.#handlers.add(handler)
    return () => {
      this.#handlers.delete(handler)
      if (this.#handlers.size === 0) raw?.listen(undefined)
    }
  }
}
