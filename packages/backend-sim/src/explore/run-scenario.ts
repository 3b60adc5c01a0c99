import { openBackend, type Backend, type Device } from '@hmm-sdk/hmm-api'
import { SimBackend } from '../sim/backend.js'
import { SimControl } from '../sim/control.js'
import { checkOptions } from '../sim/options.js'
import { Simulation } from '../sim/simulation.js'
import type { Finding } from './failure.js'
import type { CheckedExploreOptions } from './options.js'
import type { Scenario } from './scenario.js'
import { ScheduleRun, type RunOptions, type RunResult } from './schedule-run.js'

/** One schedule of `scenario`, in a fresh simulation, with all checks at its end. */
export function runScenario(
  scenario: Scenario,
  options: Pick<CheckedExploreOptions, 'simulation' | 'devices'>,
  how: RunOptions,
): Promise<RunResult> {
  const run = new ScheduleRun(how)
  return run.execute(async () => {
    const simulation = new Simulation(checkOptions(options.simulation))
    const { scheduler } = simulation.machine
    scheduler.explorer = run
    run.scheduler = scheduler
    const raw = new SimBackend(simulation)
    const backend = await openBackend({ backend: raw, config: { devices: options.devices } })
    const control = new SimControl(simulation)
    const devices = watchDevices(backend)
    await scenario({
      backend,
      control,
      race: (actors) => run.race(actors),
      point: (name) => run.pause(name, run, true),
    })
    const problems = control.problems()
    await backend.close()
    const { leaks, misuses } = backend.report()
    const left = [...leaks, ...devices.flatMap((device) => device.leaks)]
    return endFinding(
      misuses.map(({ check, text }) => `${check}: ${text}`),
      problems,
      left.map(({ kind, name }) => `${kind} '${name}'`),
    )
  })
}

/** The devices that the scenario opens: what it leaves open below one that it closes, only they know. */
function watchDevices(backend: Backend): readonly Device[] {
  const devices: Device[] = []
  const open = backend.openDevice.bind(backend)
  backend.openDevice = async (...given) => {
    const device = await open(...given)
    devices.push(device)
    return device
  }
  return devices
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
