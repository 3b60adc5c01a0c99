import type { Row } from './row.js'

/** Where two runs of one schedule parted; undefined if they did not. */
export function sameSteps(first: readonly Row[], second: readonly Row[]): string | undefined {
  const steps = Math.max(first.length, second.length)
  for (let i = 0; i < steps; i++) {
    const a = first[i]
    const b = second[i]
    if (a !== undefined && b !== undefined && a.strand === b.strand && a.point === b.point) continue
    const text = (row: Row | undefined): string =>
      row === undefined ? 'ended' : `${row.strand} at ${row.point}`
    return `the same schedule went on differently at step ${(a ?? b)!.step}\n  first: ${text(a)}\n  then: ${text(b)}`
  }
  return undefined
}
