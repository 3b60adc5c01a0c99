import { Backend, type Device } from '@hmm-sdk/hmm-api'
import { SimBackend } from '../sim/backend.js'
import { SimControl } from '../sim/control.js'
import { Simulation } from '../sim/simulation.js'
import type { Finding } from './failure.js'
import type { CheckedExploreOptions } from './options.js'
import type { Rejections } from './rejections.js'
import type { Scenario, World } from './scenario.js'
import { ScheduleRun, type RunOptions, type RunResult } from './schedule-run.js'

/** One schedule of `scenario`, in a fresh simulation, with all checks at its end. */
export function runScenario(
  scenario: Scenario,
  options: Pick<CheckedExploreOptions, 'simulation' | 'devices'>,
  how: RunOptions,
): Promise<RunResult> {
  const run = new ScheduleRun(how)
  const world = new FreshWorld(run, options)
  const result = run.execute(async () => {
    await scenario(world)
    run.checkOver()
    return world.end()
  })
  return how.rejections === undefined ? result : withRejections(result, how.rejections)
}

/** What the schedule came to, once the platform has told of the promises that it left rejected. */
async function withRejections(run: Promise<RunResult>, rejections: Rejections): Promise<RunResult> {
  const result = await run
  const reasons = await rejections.take()
  if (reasons.length === 0 || result.finding !== undefined) return result
  const [error] = reasons
  const text = error instanceof Error ? error.message : String(error)
  const message = `a promise was rejected, and nobody heard of it: ${text}`
  return { ...result, finding: { kind: 'unhandled', message, error } }
}

const PASSED = Promise.resolve()

/** A simulation and its handles. */
interface Made {
  readonly backend: WatchedBackend
  readonly control: SimControl
}

/** A world whose simulation is made when somebody asks for it. */
class FreshWorld implements World {
  readonly #run: ScheduleRun
  readonly #options: Pick<CheckedExploreOptions, 'simulation' | 'devices'>
  #made: Made | undefined

  constructor(run: ScheduleRun, options: Pick<CheckedExploreOptions, 'simulation' | 'devices'>) {
    this.#run = run
    this.#options = options
  }

  // Made when they are asked for: closures that are kept and never called stay until old space is
  // collected, with all that they know (Node 20).
  get race(): World['race'] {
    return (actors) => this.#run.race(actors)
  }

  get point(): World['point'] {
    return (name) => {
      this.#run.enter('')
      return this.#run.pause(name, this.#run, true) ?? PASSED
    }
  }

  get backend(): Backend {
    return this.#make().backend
  }

  get control(): SimControl {
    return this.#make().control
  }

  /** Closes everything, if there is anything: what is wrong although nobody complained. */
  end(): Promise<Finding | undefined> | undefined {
    return this.#made && closeAll(this.#made)
  }

  #make(): Made {
    if (this.#made !== undefined) return this.#made
    const simulation = new Simulation(this.#options.simulation)
    const { scheduler } = simulation.machine
    scheduler.explorer = this.#run
    this.#run.scheduler = scheduler
    const raw = new SimBackend(simulation)
    const backend = new WatchedBackend(raw, { devices: this.#options.devices })
    this.#made = { backend, control: new SimControl(simulation) }
    return this.#made
  }
}

/** Knows the devices that the scenario opens: what it leaves open below one that it closes, only they know. */
class WatchedBackend extends Backend {
  readonly opened: Device[] = []

  override async openDevice(...given: Parameters<Backend['openDevice']>): Promise<Device> {
    const device = await super.openDevice(...given)
    this.opened.push(device)
    return device
  }
}

async function closeAll({ backend, control }: Made): Promise<Finding | undefined> {
  const problems = control.problems()
  await backend.close()
  const { leaks, misuses } = backend.report()
  const left = [...leaks, ...backend.opened.flatMap((device) => device.leaks)]
  return endFinding(
    misuses.map(({ check, text }) => `${check}: ${text}`),
    problems,
    left.map(({ kind, name }) => `${kind} '${name}'`),
  )
}

/** What is wrong although nobody complained. */
function endFinding(
  misuses: readonly string[],
  problems: readonly string[],
  leaks: readonly string[],
): Finding | undefined {
  if (misuses.length > 0) return { kind: 'checker', message: misuses.join('\n') }
  if (problems.length > 0) return { kind: 'oracle', message: problems.join('\n') }
  if (leaks.length > 0) return { kind: 'leak', message: `left open: ${leaks.join(', ')}` }
  return undefined
}
