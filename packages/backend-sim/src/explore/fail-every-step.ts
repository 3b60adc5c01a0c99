import type { DeviceConfig } from '@hmm-sdk/hmm-api'
import { checkFailOptions } from './check-fail-options.js'
import { FAILURE_POINTS, type FailurePoint } from '../sim/failure-point.js'
import type { SimulationOptions } from '../sim/options.js'
import {
  failRun,
  type FailedStep,
  type FailFinding,
  type FailOutcome,
  type FailRun,
} from './fail-run.js'
import { failTable } from './fail-table.js'
import type { FailScenario } from './fail-world.js'
import { createIdentity } from './identity.js'
import { inTurn } from './in-turn.js'
import { Strand } from './strand.js'

/** Options of {@link failEveryStep}. */
export interface FailOptions {
  /** Of the scenario, for the table. */
  readonly name?: string
  readonly simulation?: SimulationOptions
  /** As in the config: `{ demo: { model } }`. */
  readonly devices?: Readonly<Record<string, DeviceConfig>>
  /** Which points fail; all if left out. */
  readonly points?: readonly FailurePoint[]
  /**
   * Most pairs of failures that are tried, 5,000 if left out, 0 for none. Where there are more, they
   * are taken at even distances, and the result says so.
   */
  readonly pairs?: number
  /** Called after every run. */
  readonly onProgress?: (progress: { readonly runs: number; readonly of: number }) => void
}

/** How the failures of one point ended. */
export interface FailPoint {
  readonly point: FailurePoint
  /** How often the scenario passes it, and so how often it was made to fail. */
  readonly passes: number
  readonly outcomes: Readonly<Record<FailOutcome, number>>
  /** By which step and error callers were told, each once. */
  readonly errors: readonly string[]
}

/** What {@link failEveryStep} found. JSON all through, but for `table`. */
export interface FailReport {
  readonly name: string
  /** No finding. */
  readonly ok: boolean
  readonly points: readonly FailPoint[]
  /** Passes of all points: how many failures there are. */
  readonly passes: number
  /** Runs of the scenario, with one failure and with two. */
  readonly runs: number
  readonly pairs: { readonly run: number; readonly of: number }
  readonly findings: readonly FailFinding[]
  readonly seconds: number
  /** All of it for people. */
  readonly table: string
}

/** Findings after which no more are looked for. */
const MAX_FINDINGS = 100

/**
 * Fails every step of a scenario: counts the points that can fail in a run where nothing does,
 * then runs it again for each pass of each, with that one failing, and then for pairs.
 *
 * After each: the error reached the caller or was dealt with, nothing leaks, nothing is
 * inconsistent, the scenario's own assertions hold, and it ended. The scenario closes what it
 * opens also when it throws (`await using`, `finally`); `world.step` does a step again after a
 * failure, so that all that follows can be checked in full.
 *
 * Equal runs pass equal points, so a finding can be looked at again: `failStep`.
 * Errors: TypeError for a scenario that fails although nothing was made to fail, and for options that
 * it does not know.
 */
export async function failEveryStep(
  scenario: FailScenario,
  options: FailOptions = {},
): Promise<FailReport> {
  checkFailOptions('failEveryStep', options)
  return inTurn('failEveryStep', () => failAll(scenario, options))
}

async function failAll(scenario: FailScenario, options: FailOptions): Promise<FailReport> {
  const started = performance.now()
  const name = options.name ?? (scenario.name || 'scenario')
  // Once, to know of explorations that it starts itself.
  const identity = createIdentity(name)
  const first = (): Promise<FailRun> => failRun(scenario, options, [])
  const usual = await (identity?.run(new Strand(0, name, false), first) ?? first())
  identity?.disable()
  checkUsual(name, usual)
  const points = options.points ?? FAILURE_POINTS
  const singles = points.flatMap((point) => passes(point, 0, usual.reached[point]))
  const wantedPairs = options.pairs ?? 5000
  const findings: FailFinding[] = []
  const counts = new Map(points.map((point) => [point, new PointCount()]))
  const pairs = new PairList(points, wantedPairs)
  let runs = 0
  const run = async (failures: readonly FailedStep[], of: number): Promise<FailRun> => {
    const done = await failRun(scenario, options, failures, usual)
    findings.push(...done.findings)
    runs++
    options.onProgress?.({ runs, of })
    return done
  }
  for (const single of singles) {
    if (findings.length >= MAX_FINDINGS) break
    const done = await run([single], singles.length)
    counts.get(single.point)?.add(done)
    pairs.add(single, done)
  }
  const chosen = pairs.chosen()
  let pairsRun = 0
  for (const pair of chosen) {
    if (findings.length >= MAX_FINDINGS) break
    await run(pair, singles.length + chosen.length)
    pairsRun++
  }
  const report = {
    name,
    ok: findings.length === 0,
    points: points.map((point) => ({
      point,
      passes: usual.reached[point],
      ...counts.get(point)!.result(),
    })),
    passes: singles.length,
    runs,
    pairs: { run: pairsRun, of: pairs.total },
    findings,
    seconds: (performance.now() - started) / 1000,
  }
  return { ...report, table: failTable(report) }
}

/** Runs a scenario once with the failures of a finding, to look at it; what was found. */
export async function failStep(
  scenario: FailScenario,
  failures: readonly FailedStep[],
  options: FailOptions = {},
): Promise<readonly FailFinding[]> {
  checkFailOptions('failStep', options)
  return (await inTurn('failStep', () => failRun(scenario, options, failures))).findings
}

function checkUsual(name: string, { findings, errors }: FailRun): void {
  const [finding] = findings
  if (finding === undefined && errors.length === 0) return
  const what = finding === undefined ? errors[0] : `${finding.check}: ${finding.message}`
  throw new TypeError(
    `failEveryStep: '${name}' has to pass when nothing is made to fail, but: ${what}`,
  )
}

function passes(point: FailurePoint, after: number, last: number): FailedStep[] {
  return Array.from({ length: Math.max(0, last - after) }, (_, i) => ({
    point,
    nth: after + 1 + i,
  }))
}

/** How the failures of one point ended, while they are counted. */
class PointCount {
  readonly #outcomes: Record<FailOutcome, number> = { told: 0, retried: 0, absorbed: 0 }
  readonly #errors = new Set<string>()

  add({ outcome, errors }: FailRun): void {
    if (outcome !== undefined) this.#outcomes[outcome]++
    for (const error of errors) this.#errors.add(error)
  }

  result(): Pick<FailPoint, 'outcomes' | 'errors'> {
    return { outcomes: this.#outcomes, errors: [...this.#errors] }
  }
}

/**
 * Pairs of failures: the first is any single one, the second any pass that the run with the first
 * reaches after it. More are kept than tried only as numbers.
 */
class PairList {
  total = 0
  readonly #points: readonly FailurePoint[]
  readonly #most: number
  readonly #firsts: { readonly first: FailedStep; readonly from: FailRun }[] = []

  constructor(points: readonly FailurePoint[], most: number) {
    this.#points = points
    this.#most = most
  }

  add(first: FailedStep, from: FailRun): void {
    this.#firsts.push({ first, from })
    this.total += this.#seconds(from).length
  }

  chosen(): FailedStep[][] {
    if (this.#most <= 0) return []
    const stride = Math.max(1, this.total / this.#most)
    const chosen: FailedStep[][] = []
    let index = 0
    for (const { first, from } of this.#firsts) {
      for (const second of this.#seconds(from)) {
        if (index >= chosen.length * stride) chosen.push([first, second])
        index++
      }
    }
    return chosen
  }

  #seconds({ fired: [fired], reached }: FailRun): FailedStep[] {
    if (fired === undefined) return []
    return this.#points.flatMap((point) => passes(point, fired.reached[point], reached[point]))
  }
}
