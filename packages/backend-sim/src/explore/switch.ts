/**
 * One departure from the schedule in which a strand runs until it waits: when `from` stops at its
 * `n`-th `point` of that name, `to` runs next.
 */
export interface Switch {
  readonly from: string
  readonly point: string
  /** Which time `from` stops at a point of that name, from 1. */
  readonly n: number
  readonly to: string
}

/** A switch in words: `driver @ mirror.map page-table #2 -> cpu`. */
export function describeSwitch({ from, point, n, to }: Switch): string {
  return `${from} @ ${point}${n === 1 ? '' : ` #${n}`} -> ${to}`
}
