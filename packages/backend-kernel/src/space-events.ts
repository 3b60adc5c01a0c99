import type { Descriptor } from './descriptor.js'
import { check } from './call-error.js'
import type { Watch } from './native.js'
import * as uapi from './uapi.js'

const MOST = 64

/** Tells which address spaces are gone, each once. */
export class SpaceEvents {
  readonly #context: Descriptor
  readonly #watch: Watch
  readonly #before: () => void
  readonly #released: (space: number) => void

  /** `before` runs first, so that the mirrors of a space hear of its end before the space does. */
  constructor(context: Descriptor, before: () => void, released: (space: number) => void) {
    this.#context = context
    this.#before = before
    this.#released = released
    this.#watch = context.native.watch(context.fd, () => {
      this.drain()
      this.#watch.rearm()
    })
  }

  drain(): void {
    for (const space of this.#take()) {
      this.#before()
      this.#released(space)
    }
  }

  close(): void {
    this.#watch.close()
  }

  #take(): number[] {
    const spaces: number[] = []
    const call = this.#context.call(uapi.SpaceEvents, 4 * MOST)
    try {
      for (;;) {
        call.fill({ max: MOST, count: 0 }).point('spaces')
        check(this.#context.run(uapi.IOC_SPACE_EVENTS, call))
        const count = call.get('count')
        spaces.push(...call.words().subarray(0, count))
        if (count < MOST) return spaces
      }
    } finally {
      this.#context.end(call)
    }
  }
}
