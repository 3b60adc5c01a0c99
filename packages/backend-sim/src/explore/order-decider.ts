import type { Decider } from './decider.js'
import type { RecordedCall } from './recording.js'
import type { Stop } from './strand.js'

/**
 * Lets calls come back in the order of a recording: whoever made the next one of it goes on, as far
 * as it can. Who is not in the recording goes on by default.
 */
export class OrderDecider implements Decider {
  readonly #calls: readonly RecordedCall[]
  readonly #done: boolean[]
  #next = 0
  #followed = 0

  constructor(calls: readonly RecordedCall[]) {
    this.#calls = calls
    this.#done = calls.map(() => false)
  }

  /** Calls that came back in their turn. */
  get followed(): number {
    return this.#followed
  }

  choose(stops: readonly Stop[]): number {
    for (let at = this.#next; at < this.#calls.length; at++) {
      if (this.#done[at] === true) continue
      const { who } = this.#calls[at]!
      const index = stops.findIndex(({ strand }) => strand.name === who)
      // Who cannot go on waits for somebody who comes later in the recording.
      if (index >= 0) return index
    }
    return 0
  }

  /** A step has run; a `return` is a call that came back. */
  readonly step = (stop: Stop): void => {
    if (stop.label !== 'return') return
    const is = (call: RecordedCall): boolean => call.who === stop.strand.name && call.op === stop.op
    const at = this.#calls.findIndex((call, index) => this.#done[index] === false && is(call))
    if (at < 0) return
    this.#done[at] = true
    if (at === this.#next) this.#followed++
    while (this.#done[this.#next] === true) this.#next++
  }
}
