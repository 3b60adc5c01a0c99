import type { Decider } from './decider.js'
import type { Recorder } from './recorder.js'
import type { Stop } from './strand.js'
import { describeSwitch, type Switch } from './switch.js'

/** Follows a list of switches, and the default everywhere else. */
export class SwitchDecider implements Decider {
  readonly #switches: readonly Switch[]
  readonly #recorder: Recorder
  #next = 0
  #blocked: string | undefined

  constructor(switches: readonly Switch[], recorder: Recorder) {
    this.#switches = switches
    this.#recorder = recorder
  }

  /** What is wrong with the list: the schedule never came to a switch of it; undefined if nothing. */
  get outdated(): string | undefined {
    if (this.#next >= this.#switches.length) return undefined
    const text = describeSwitch(this.#switches[this.#next]!)
    return `token outdated at switch ${this.#next + 1}: ${text}${this.#blocked ?? ''}`
  }

  choose(stops: readonly Stop[], _preempts: boolean, from: Stop | undefined): number {
    const wanted = this.#switches[this.#next]
    if (wanted === undefined || this.#blocked !== undefined) return 0
    const place = this.#recorder.place(from)
    if (place.from !== wanted.from || place.point !== wanted.point || place.n !== wanted.n) return 0
    const index = stops.findIndex((stop) => stop.who === wanted.to)
    if (index < 0) {
      this.#blocked = ` ('${wanted.to}' cannot go on there)`
      return 0
    }
    this.#next++
    return index
  }
}

/** Follows the choices that another run made, one by one. */
export class TrailDecider implements Decider {
  readonly #trail: readonly number[]
  #next = 0

  constructor(trail: readonly number[]) {
    this.#trail = trail
  }

  choose(stops: readonly Stop[]): number {
    return Math.min(this.#trail[this.#next++] ?? 0, stops.length - 1)
  }
}
