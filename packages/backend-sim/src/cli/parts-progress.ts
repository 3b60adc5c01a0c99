import type { PartResult, Plan } from './part-result.js'

/**
 * What to call when a part has ended, so that `show` gets one line of how far an exploration of
 * `parts` parts is.
 */
export function partsProgress(
  plan: Plan,
  parts: number,
  show: (line: string) => void,
): (result: PartResult) => void {
  const begin = performance.now()
  const points = new Set<string>()
  const pairs = new Set<string>()
  let schedules = 0
  let ended = 0
  const tell = (): void => {
    const seconds = (performance.now() - begin) / 1000
    const rate = Math.round(schedules / Math.max(seconds, 0.001))
    show(
      `${plan.target}: ${ended} of ${parts} parts, ${schedules} schedules, ${rate}/s, ` +
        `${points.size} points, ${pairs.size} racing pairs`,
    )
  }
  tell()
  return (result) => {
    ended++
    schedules += result.schedules
    for (const point of result.covered.points) points.add(point)
    for (const pair of result.covered.pairs) pairs.add(pair)
    tell()
  }
}
