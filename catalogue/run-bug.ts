import type { DeviceConfig } from '@hmm-sdk/hmm-api'
import {
  explore,
  replay,
  type ExploreOptions,
  type Failure,
  type Scenario,
} from '@hmm-sdk/backend-sim/explore'
import type { AnyBug } from './parts/bug.js'

/** What a run of one bug shows; the line of `--json`. */
export interface BugResult {
  readonly id: string
  readonly upstream: string
  /** Schedules until it was found; undefined if it was not. */
  readonly schedules: number | undefined
  /** Switches after shrinking. */
  readonly switches: number | undefined
  /** Until it was found and shrunk. */
  readonly seconds: number
  /** Kind and first line of what was found. */
  readonly finding: string
  readonly token: string
  /** Whether the token finds it again. */
  readonly replays: boolean
  /** Schedules of the fixed variant without a finding. */
  readonly fixedPasses: number
  /** Whether those are all that there are. */
  readonly fixedComplete: boolean
  /** What was found in the fixed variant: nothing, if all is well. */
  readonly fixedFinding?: string
  readonly fixedSeconds: number
  readonly mirror: string
}

export interface RunBugOptions {
  /** Schedules of the fixed variant. */
  readonly fixedSchedules: number
  readonly seed?: number
}

/** Finds the bug at the default budget, replays it, and tries the fixed variant. */
export async function runBug(bug: AnyBug, options: RunBugOptions): Promise<BugResult> {
  const common = exploreOptions(bug, options.seed ?? 1)
  const faulty = scenarioOf(bug, 'faulty')
  const started = performance.now()
  const { failure } = await explore(faulty, common)
  const seconds = (performance.now() - started) / 1000
  const again = failure && (await replay(failure.token, faulty, common))
  const fixedStarted = performance.now()
  const fixed = await explore(scenarioOf(bug, 'fixed'), {
    ...common,
    budget: {
      schedules: options.fixedSchedules,
      flat: options.fixedSchedules,
      ms: 3_600_000,
    },
  })
  return {
    id: bug.id,
    upstream: upstreamOf(bug),
    schedules: failure?.schedulesUntilFound,
    switches: failure?.switches.length,
    seconds: round(seconds),
    finding: failure === undefined ? '' : findingOf(failure),
    token: failure?.token ?? '',
    replays:
      again !== undefined && failure !== undefined && findingOf(again) === findingOf(failure),
    fixedPasses: fixed.failure === undefined ? fixed.schedules : 0,
    fixedComplete: fixed.failure === undefined && fixed.reason === 'complete',
    ...(fixed.failure && { fixedFinding: `${findingOf(fixed.failure)}\n${fixed.failure.table}` }),
    fixedSeconds: round((performance.now() - fixedStarted) / 1000),
    mirror: bug.mirror.answer,
  }
}

/** What is wrong with a result; empty if the bug is found and its fix holds. */
export function problemsOf(result: BugResult, fixedSchedules: number): string[] {
  const problems: string[] = []
  if (result.schedules === undefined) problems.push('not found')
  else {
    if (result.seconds > 10) problems.push(`${result.seconds} s until found, the limit is 10`)
    if (!((result.switches ?? 0) <= 6)) problems.push(`${result.switches} switches, the limit is 6`)
    if (!result.replays) problems.push('the token does not find it again')
  }
  if (result.fixedFinding !== undefined) problems.push(`fixed variant: ${result.fixedFinding}`)
  else if (!result.fixedComplete && result.fixedPasses < fixedSchedules) {
    problems.push(`the fixed variant ran ${result.fixedPasses} of ${fixedSchedules} schedules`)
  }
  return problems
}

/** The options with which a bug is explored and replayed. */
export function exploreOptions(bug: AnyBug, seed: number): ExploreOptions {
  const devices: Record<string, DeviceConfig> =
    bug.device === undefined ? {} : { demo: { sim: bug.device } }
  return { name: bug.id, simulation: bug.simulation ?? {}, devices, seed }
}

export function scenarioOf(bug: AnyBug, which: 'faulty' | 'fixed'): Scenario {
  return (world) => bug.scenario(world, bug[which])
}

/** The upstream reference in one line. */
export function upstreamOf({ upstream }: AnyBug): string {
  const where = [upstream.commit, upstream.release].filter((each) => each !== undefined)
  return where.length === 0 ? upstream.subject : `${upstream.subject} (${where.join(', ')})`
}

function findingOf({ kind, message }: Pick<Failure, 'kind' | 'message'>): string {
  return `${kind}: ${message.split('\n', 1)[0]}`
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
