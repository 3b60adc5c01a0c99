import type { Coverage, Covered } from './progress.js'
import type { Stop, Strand } from './strand.js'

/** Counts distinct points, and pairs of steps that race. */
export class CoverageMap implements Coverage {
  readonly #ops = new Map<string, Map<string, number>>()
  readonly #pairs = new Set<number>()
  #points = 0
  /** The pair that was added last. */
  #pair: number | undefined
  // Of the last step; not the stop itself, which may be used again for the next.
  #strand: Strand | undefined
  #object: unknown
  #write = false
  #point = 0
  #op = ''
  /** Points of `#op`, by label. */
  #labels: Map<string, number> | undefined
  #label = ''

  get points(): number {
    return this.#points
  }

  get racingPairs(): number {
    return this.#pairs.size
  }

  /** What was covered, by names that other explorations of the same scenario use too. */
  covered(): Covered {
    const points: string[] = []
    for (const [op, labels] of this.#ops) {
      for (const [label, point] of labels) points[point] = `${op} ${label}`
    }
    const pairs = [...this.#pairs].map(
      (pair) => `${points[Math.floor(pair / 2 ** 20)]} | ${points[pair % 2 ** 20]}`,
    )
    return { points: points.sort(), pairs: pairs.sort() }
  }

  /** A schedule begins. */
  begin(): void {
    this.#strand = undefined
    this.#object = undefined
  }

  readonly step = (stop: Stop): void => {
    const { strand, object, write, op, label } = stop
    // Steps of a loop stop at one point again and again.
    const again = op === this.#op && label === this.#label
    const point = again ? this.#point : this.#number(op, label)
    this.#op = op
    this.#label = label
    if (this.#strand !== strand) {
      if (object !== undefined && this.#object === object && (this.#write || write)) {
        const pair = this.#point * 2 ** 20 + point
        if (pair !== this.#pair) this.#pairs.add((this.#pair = pair))
      }
      this.#strand = strand
    }
    if (this.#object !== object) this.#object = object
    this.#write = write
    this.#point = point
  }

  #number(op: string, label: string): number {
    let labels = op === this.#op ? this.#labels : this.#ops.get(op)
    if (labels === undefined) this.#ops.set(op, (labels = new Map()))
    this.#labels = labels
    let point = labels.get(label)
    if (point === undefined) labels.set(label, (point = this.#points++))
    return point
  }
}
