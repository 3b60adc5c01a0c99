import type { Row } from './row.js'
import type { Stop, Strand } from './strand.js'
import type { Switch } from './switch.js'

interface Step {
  readonly stop: Stop
  readonly switched: boolean
  /** Part of a race: before and after, the scenario is one strand. */
  readonly racing: boolean
}

/** Writes down what a schedule did: its switches, and its steps. */
export class Recorder {
  readonly switches: Switch[] = []
  readonly #steps: Step[] = []
  readonly #counts = new Map<Strand, Map<string, number>>()
  #ran: Stop | undefined

  /** A step that is about to run, chosen when the strand that ran had stopped at `from`. */
  record(stop: Stop, choice: number, from: Stop | undefined, racing: boolean): void {
    if (choice > 0) this.switches.push({ ...this.place(from), to: stop.who })
    this.#steps.push({ stop, switched: choice > 0, racing })
    this.#ran = stop
  }

  /** Where the strand that ran has stopped, as a switch names it. */
  place(from: Stop | undefined): { from: string; point: string; n: number } {
    if (from === undefined) {
      const ran = this.#ran
      return { from: ran?.who ?? 'scenario', point: 'end', n: 1 }
    }
    let counts = this.#counts.get(from.strand)
    if (counts === undefined) this.#counts.set(from.strand, (counts = new Map()))
    const n = counts.get(from.point) ?? 0
    return { from: from.who, point: from.point, n }
  }

  /** The strand that ran has stopped; comes before `place` and `record` of what follows. */
  stopped(from: Stop | undefined): void {
    if (from === undefined) return
    let counts = this.#counts.get(from.strand)
    if (counts === undefined) this.#counts.set(from.strand, (counts = new Map()))
    counts.set(from.point, (counts.get(from.point) ?? 0) + 1)
  }

  rows(): Row[] {
    const racing = racingPair(this.#steps)
    const rows = this.#steps.map(({ stop, switched }, index) => ({
      step: index + 1,
      strand: stop.who,
      point: stop.point,
      switched,
      racing: racing.has(index),
      source: stop.source,
    }))
    return rows.filter((_, index) => this.#steps[index]!.racing)
  }
}

/** Steps that racing ones are apart, at the most. */
const NEAR = 50

/**
 * The last two steps of different strands on one object, one of them writing, around a switch; if
 * the simulation knows of none, the last switch: what it came to, and what it came before.
 */
function racingPair(steps: readonly Step[]): ReadonlySet<number> {
  for (let later = steps.length - 1; later > 0; later--) {
    const b = steps[later]!
    if (b.stop.object === undefined) continue
    for (let earlier = later - 1; earlier >= Math.max(0, later - NEAR); earlier--) {
      const a = steps[earlier]!
      if (a.stop.strand === b.stop.strand || a.stop.object !== b.stop.object) continue
      if (!a.stop.write && !b.stop.write) continue
      const around = steps.slice(earlier + 1, later + 1).some(({ switched }) => switched)
      if (around) return new Set([earlier, later])
    }
  }
  const into = steps.findLastIndex(({ switched }) => switched)
  const strand = steps[into - 1]?.stop.strand
  const back = steps.findIndex(({ stop }, index) => index > into && stop.strand === strand)
  if (into < 0 || back < 0) return new Set()
  const writes = steps.findIndex(({ stop }, index) => index >= into && index < back && stop.write)
  return new Set([writes < 0 ? into : writes, back])
}
