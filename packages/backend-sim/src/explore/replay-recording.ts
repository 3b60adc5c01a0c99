import type { Decider } from './decider.js'
import type { Failure } from './failure.js'
import { createIdentity, type Identity } from './identity.js'
import { checkExploreOptions, type CheckedExploreOptions, type ExploreOptions } from './options.js'
import { inTurn } from './in-turn.js'
import { OrderDecider } from './order-decider.js'
import { Recorder } from './recorder.js'
import type { RecordedCall, Recording } from './recording.js'
import { toFailure, type Recorded } from './replay.js'
import { watchRejections, type Rejections } from './rejections.js'
import { runScenario } from './run-scenario.js'
import type { Scenario } from './scenario.js'
import { shrink } from './shrink.js'
import type { Stop, Strand } from './strand.js'
import { renderTable } from './table.js'
import { encodeToken } from './token.js'
import { withoutStacks } from './without-stacks.js'

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
 * far as the simulation allows. Then searches around it: schedules that leave it at one place, for
 * the length of somebody's call, and follow the order again, then at two, up to `budget.schedules` (default 1,000), until one fails.
 */
export async function replayRecording(
  recording: Recording,
  scenario: Scenario,
  options: ExploreOptions = {},
): Promise<ReplayedRecording> {
  const name = options.name ?? recording.target
  const checked = checkExploreOptions({ ...options, name })
  return inTurn('replayRecording', () => searchAround(recording, scenario, name, options, checked))
}

async function searchAround(
  recording: Recording,
  scenario: Scenario,
  name: string,
  options: ExploreOptions,
  checked: CheckedExploreOptions,
): Promise<ReplayedRecording> {
  const most = options.budget?.schedules ?? 1000
  const identity = createIdentity(name)
  const stacks = withoutStacks()
  const rejections = watchRejections()
  const run = (trail: readonly number[], recorder?: Recorder): Promise<Ordered> =>
    runOrdered(scenario, checked, { calls: recording.calls, trail, identity, rejections, recorder })
  const first = await run([], new Recorder())
  const { switches, rows } = first
  let failing: Recorded | undefined = first.finding === undefined ? undefined : first
  let schedules = 1
  // Those that leave the order once come before those that leave it twice.
  const around = [...departures(first, 0)]
  for (let at = 0; failing === undefined && at < around.length && schedules < most; at++) {
    schedules++
    const trail = around[at]!
    const other = await run(trail)
    // Once more, with all of it written down.
    if (other.finding !== undefined) failing = await run(trail, new Recorder())
    else if (around.length < most) around.push(...departures(other, trail.length))
  }
  stacks()
  identity?.disable()
  rejections.stop()
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

/** The choices that lead to another schedule at one place of `run`, from its choice `from` on. */
function* departures({ choices }: Ordered, from: number): Generator<readonly number[]> {
  for (let at = from; at < choices.length; at++) {
    const before = choices.slice(0, at).map(({ taken }) => taken)
    for (let other = 0; other < choices[at]!.among; other++) {
      if (other !== choices[at]!.taken) yield [...before, other]
    }
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
  {
    calls,
    trail,
    identity,
    rejections,
    recorder,
  }: {
    readonly calls: readonly RecordedCall[]
    readonly trail: readonly number[]
    readonly identity: Identity | undefined
    readonly rejections: Rejections
    readonly recorder: Recorder | undefined
  },
): Promise<Ordered> {
  const order = new OrderDecider(calls)
  const choices: { taken: number; among: number }[] = []
  /** Who goes on after the trail has left the order, until its call comes back. */
  let preferred: Strand | undefined
  const decider: Decider = {
    choose: (stops: readonly Stop[]) => {
      const given = trail[choices.length]
      let taken = given === undefined ? order.choose(stops) : Math.min(given, stops.length - 1)
      if (given !== undefined && choices.length === trail.length - 1) {
        preferred = stops[taken]!.strand
      } else if (preferred !== undefined) {
        const index = stops.findIndex(({ strand }) => strand === preferred)
        if (index >= 0) taken = index
      }
      choices.push({ taken, among: stops.length })
      return taken
    },
  }
  const { finding } = await runScenario(scenario, options, {
    decider,
    maxSteps: options.maxSteps,
    lostUpdates: options.lostUpdates,
    rejections,
    fast: false,
    identity,
    recorder,
    step: (stop) => {
      if (stop.label === 'return' && stop.strand === preferred) preferred = undefined
      order.step(stop)
    },
    trail: undefined,
  })
  const { followed } = order
  const written = { switches: recorder?.switches ?? [], rows: recorder?.rows() ?? [] }
  return { finding, ...written, followed, choices }
}
