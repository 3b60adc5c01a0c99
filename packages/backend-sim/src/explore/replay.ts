import type { Decider } from './decider.js'
import type { Failure, Finding } from './failure.js'
import { cannotFollow, createIdentity } from './identity.js'
import { checkExploreOptions, type CheckedExploreOptions, type ExploreOptions } from './options.js'
import { inTurn } from './in-turn.js'
import { Recorder } from './recorder.js'
import { watchRejections } from './rejections.js'
import type { Row } from './row.js'
import { runScenario } from './run-scenario.js'
import type { Scenario } from './scenario.js'
import { SwitchDecider } from './switch-decider.js'
import type { Switch } from './switch.js'
import { renderTable } from './table.js'
import { decodeToken, encodeToken } from './token.js'

/** A schedule that ran with everything written down. */
export interface Recorded {
  readonly finding: Finding | undefined
  readonly switches: readonly Switch[]
  readonly rows: readonly Row[]
}

/** Runs one schedule in exact mode, where there is one, and writes everything down. */
export async function runRecorded(
  scenario: Scenario,
  options: CheckedExploreOptions,
  decider: (recorder: Recorder) => Decider,
  watch: 'rejections' | 'no-rejections' = 'rejections',
): Promise<Recorded> {
  const recorder = new Recorder()
  const identity = createIdentity(options.name)
  const rejections = watch === 'rejections' ? watchRejections() : undefined
  const { finding, unfit } = await runScenario(scenario, options, {
    decider: decider(recorder),
    maxSteps: options.maxSteps,
    lostUpdates: options.lostUpdates,
    fast: false,
    identity,
    rejections,
    recorder,
    step: undefined,
    trail: undefined,
  })
  identity?.disable()
  rejections?.stop()
  if (unfit === 'external') throw cannotFollow()
  return { finding, switches: recorder.switches, rows: recorder.rows() }
}

/**
 * Runs the schedule of a failure's token again: the failure, or undefined if the scenario passes now.
 *
 * Rejects with an Error `token outdated at switch 2: ...` when the scenario no longer comes to one
 * of its switches, and with a TypeError for what is no token or one of another scenario.
 * `options` need only the devices; what matters besides is in the token.
 */
export async function replay(
  token: string,
  scenario: Scenario,
  options: ExploreOptions = {},
): Promise<Failure | undefined> {
  const { name, simulation, switches } = decodeToken(token)
  if (options.name !== undefined && options.name !== name) {
    throw new TypeError(`replay: the token is of scenario '${name}', not '${options.name}'`)
  }
  const checked = checkExploreOptions({ ...options, name, simulation })
  let decider: SwitchDecider | undefined
  const recorded = await inTurn('replay', () =>
    runRecorded(scenario, checked, (recorder) => {
      decider = new SwitchDecider(switches, recorder)
      return decider
    }),
  )
  if (recorded.finding === undefined && decider?.outdated !== undefined) {
    throw new Error(decider.outdated)
  }
  return recorded.finding && toFailure(recorded.finding, recorded, checked, 1)
}

/** A finding with all that tells how it came to it. */
export function toFailure(
  finding: Finding,
  { switches, rows }: Pick<Recorded, 'switches' | 'rows'>,
  { name, given }: Pick<CheckedExploreOptions, 'name' | 'given'>,
  schedulesUntilFound: number,
): Failure {
  const token = encodeToken({ name, simulation: given, switches })
  const table = renderTable(rows)
  return { ...finding, switches, rows, token, table, schedulesUntilFound }
}
