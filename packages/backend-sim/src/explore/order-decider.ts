import type { Decider } from './decider.js'
import type { RecordedCall } from './recording.js'
import type { Stop, Strand } from './strand.js'

/**
 * Lets calls come back in the order of a recording: whoever made the next one of it goes on, as far
 * as it can. If it cannot, or is not there yet, then those go on who are not in the recording, since
 * one of them may be what it waits for; then whoever comes later in it.
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
      const call = this.#calls[at]!
      const index = stops.findIndex(({ strand }) => isOf(call, strand))
      if (index >= 0) return index
      const other = stops.findIndex(({ strand }) => !this.#calls.some((each) => isOf(each, strand)))
      if (other >= 0) return other
    }
    return 0
  }

  /** A step has run; a `return` is a call that came back. */
  readonly step = (stop: Stop): void => {
    if (stop.label !== 'return') return
    const is = (call: RecordedCall): boolean => isOf(call, stop.strand) && call.op === stop.op
    const at = this.#calls.findIndex((call, index) => this.#done[index] === false && is(call))
    if (at < 0) return
    this.#done[at] = true
    if (at === this.#next) this.#followed++
    while (this.#done[this.#next] === true) this.#next++
  }
}

/** Work of one kind is the same whatever its number: how faults fall into batches differs. */
function isOf({ who }: RecordedCall, { actor, name }: Strand): boolean {
  return actor ? who === name : kindOf(who) === kindOf(name)
}

function kindOf(name: string): string {
  return name.replace(/ \d+$/, '')
}
