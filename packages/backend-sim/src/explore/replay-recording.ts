import type { Decider } from './decider.js'
import type { Failure } from './failure.js'
import { createIdentity } from './identity.js'
import { checkExploreOptions, type CheckedExploreOptions, type ExploreOptions } from './options.js'
import { OrderDecider } from './order-decider.js'
import { pendingResources } from './pending-resources.js'
import { Recorder } from './recorder.js'
import type { RecordedCall, Recording } from './recording.js'
import { toFailure, type Recorded } from './replay.js'
import { runScenario } from './run-scenario.js'
import type { Scenario } from './scenario.js'
import { shrink } from './shrink.js'
import type { Stop } from './strand.js'
import { renderTable } from './table.js'
import { encodeToken } from './token.js'

/** What a recording became in the simulation. */
export interface ReplayedRecording {
  /** Calls of the recording that came back in their turn, of how many. */
  readonly followed: number
  readonly of: number
  /** The schedule that follows the recording, for `replay`. */
  readonly token: string
  readonly table: string
  /** Schedules that ran: that one, and those around it. */
  readonly schedules: number
  /** What fails in it, or else in one around it, shrunk. */
  readonly failure: Failure | undefined
}

/**
 * Makes a schedule of the simulation of a recording: the calls come back in the recorded order as
 * far as the simulation allows. Then searches around it: schedules that leave it at one place and
 * follow the order again, up to `budget.schedules` (default 1,000), until one fails.
 */
export async function replayRecording(
  recording: Recording,
  scenario: Scenario,
  options: ExploreOptions = {},
): Promise<ReplayedRecording> {
  const name = options.name ?? recording.target
  const checked = checkExploreOptions({ ...options, name })
  const most = options.budget?.schedules ?? 1000
  const first = await runOrdered(scenario, checked, recording.calls)
  const { switches, rows } = first
  let failing: Recorded | undefined = first.finding === undefined ? undefined : first
  let schedules = 1
  search: for (let at = 0; failing === undefined && at < first.choices.length; at++) {
    for (let other = 0; other < first.choices[at]!.among; other++) {
      if (other === first.choices[at]!.taken) continue
      if (schedules >= most) break search
      schedules++
      const trail = first.choices.slice(0, at).map(({ taken }) => taken)
      const run = await runOrdered(scenario, checked, recording.calls, [...trail, other])
      if (run.finding === undefined) continue
      failing = run
      break
    }
  }
  if (failing !== undefined && checked.shrink) {
    failing = await shrink(scenario, checked, failing, false)
  }
  return {
    followed: first.followed,
    of: recording.calls.length,
    token: encodeToken({ name, simulation: checked.given, switches }),
    table: renderTable(rows),
    schedules,
    failure:
      failing?.finding === undefined
        ? undefined
        : toFailure(failing.finding, failing, checked, schedules),
  }
}

interface Ordered extends Recorded {
  readonly followed: number
  readonly choices: readonly { readonly taken: number; readonly among: number }[]
}

/** One schedule in the recorded order, after the choices of `trail`. */
async function runOrdered(
  scenario: Scenario,
  options: CheckedExploreOptions,
  calls: readonly RecordedCall[],
  trail: readonly number[] = [],
): Promise<Ordered> {
  const order = new OrderDecider(calls)
  const choices: { taken: number; among: number }[] = []
  const decider: Decider = {
    choose: (stops: readonly Stop[]) => {
      const given = trail[choices.length]
      const taken = given === undefined ? order.choose(stops) : Math.min(given, stops.length - 1)
      choices.push({ taken, among: stops.length })
      return taken
    },
  }
  const recorder = new Recorder()
  const identity = createIdentity()
  const { finding } = await runScenario(scenario, options, {
    decider,
    maxSteps: options.maxSteps,
    fast: false,
    identity,
    known: pendingResources(),
    recorder,
    step: order.step,
    trail: undefined,
  })
  identity?.disable()
  const { switches } = recorder
  return { finding, switches, rows: recorder.rows(), followed: order.followed, choices }
}
