import type { DeviceConfig } from '@hmm-sdk/hmm-api'
import { checkDevices } from './check-devices.js'
import {
  checkKeys,
  checkNumber,
  checkOptions,
  type CheckedOptions,
  type SimulationOptions,
} from '../sim/options.js'
import type { Progress } from './progress.js'

/** How far an exploration goes. Both bounds hold. */
export interface Budget {
  /** Schedules to run. Default 10,000. */
  readonly schedules?: number
  /** Milliseconds to run; what is left out then depends on the machine. Default 60,000. */
  readonly ms?: number
  /**
   * Schedules at random without a new point or racing pair after which it ends. Default 20,000;
   * as many as `schedules`: it goes on to the end of the budget.
   */
  readonly flat?: number
}

/** How schedules are searched: bounds on preemptions, in this order, then at random. */
export interface Strategies {
  /**
   * All schedules with so many preemptions, one bound after the other. Default [0, 1, 2, 3], and
   * more where there are few schedules.
   */
  readonly preemptions?: readonly number[]
  /** Whether choices are also made at random. Default true. */
  readonly randomWalk?: boolean
  /** Depths of PCT. Default [3]. */
  readonly pct?: readonly number[]
}

/** Options of an exploration. */
export interface ExploreOptions {
  /** Of the scenario; stands in the token. Default `'scenario'`. */
  readonly name?: string
  /** Of the simulation that each schedule gets: shape of DMA, costs, kernel, ... */
  readonly simulation?: SimulationOptions
  /** Devices by name, as in the config. `demo` is always there. */
  readonly devices?: Readonly<Record<string, DeviceConfig>>
  readonly budget?: Budget
  /** Of everything that is chosen at random. Default 1. */
  readonly seed?: number
  readonly strategies?: Strategies
  /**
   * `'batched'` (default) takes whoever was chosen for the one who runs, and goes over to
   * `'exact'`, which follows every promise, when a strand waits for something of its own.
   */
  readonly mode?: 'batched' | 'exact'
  /** Called a few times a second. */
  readonly onProgress?: (progress: Progress) => void
  /** Whether a failing schedule is made as short as it can be. Default true. */
  readonly shrink?: boolean
  /** Whether the first schedule runs twice, to see whether it is the same. Default true. */
  readonly selfCheck?: boolean
  /** Steps of one schedule after which it is a livelock. Default 20,000. */
  readonly maxSteps?: number
  /**
   * Whether updates that get lost are failures. Default true; false for a scenario that writes over
   * what others wrote on purpose.
   */
  readonly lostUpdates?: boolean
  /** Whether the result says by name what was covered. Default false. */
  readonly covered?: boolean
  /** A disjoint part of the schedules, for several workers: the `index`-th of `count`. */
  readonly shard?: { readonly index: number; readonly count: number }
}

/** The options with every default filled in. */
export interface CheckedExploreOptions {
  readonly name: string
  readonly simulation: CheckedOptions
  /** As it was given, for the token. */
  readonly given: SimulationOptions
  readonly devices: Readonly<Record<string, DeviceConfig>>
  readonly schedules: number
  readonly ms: number
  readonly flat: number
  readonly seed: number
  readonly preemptions: readonly number[]
  /** More bounds after those, as long as that is nothing. */
  readonly goOn: boolean
  readonly randomWalk: boolean
  readonly pct: readonly number[]
  readonly mode: 'batched' | 'exact'
  readonly onProgress: ((progress: Progress) => void) | undefined
  readonly shrink: boolean
  readonly selfCheck: boolean
  readonly maxSteps: number
  readonly lostUpdates: boolean
  readonly covered: boolean
  readonly shard: { readonly index: number; readonly count: number }
}

const KNOWN = [
  'name',
  'simulation',
  'devices',
  'budget',
  'seed',
  'strategies',
  'mode',
  'onProgress',
  'shrink',
  'selfCheck',
  'maxSteps',
  'lostUpdates',
  'covered',
  'shard',
]

/** Throws TypeError for an unknown key or a value that an option cannot have. */
export function checkExploreOptions(given: ExploreOptions): CheckedExploreOptions {
  checkKeys('explore', given, KNOWN)
  const budget = checkKeys('budget', given.budget, ['schedules', 'ms', 'flat']) as Budget
  const strategies = checkKeys('strategies', given.strategies, [
    'preemptions',
    'randomWalk',
    'pct',
  ]) as Strategies
  const { name = 'scenario', mode = 'batched', shard = { index: 0, count: 1 } } = given
  if (mode !== 'batched' && mode !== 'exact') {
    throw new TypeError(`mode '${String(mode)}' is not 'batched' or 'exact'`)
  }
  const { preemptions = [0, 1, 2, 3], randomWalk = true, pct = [3] } = strategies
  for (const bound of preemptions) checkNumber('strategies.preemptions', bound, 0, 1000)
  for (const depth of pct) checkNumber('strategies.pct', depth, 1, 1000)
  checkNumber('shard.count', shard.count, 1, 1e6)
  checkNumber('shard.index', shard.index, 0, shard.count - 1)
  const simulation = checkOptions(given.simulation)
  return {
    name,
    simulation,
    given: given.simulation ?? {},
    devices: checkDevices(given.devices, simulation.kernel),
    schedules: checkNumber('budget.schedules', budget.schedules ?? 10_000, 1, 1e12),
    ms: checkNumber('budget.ms', budget.ms ?? 60_000, 1, 1e12),
    flat: checkNumber('budget.flat', budget.flat ?? 20_000, 1, 1e12),
    seed: checkNumber('seed', given.seed ?? 1, 0, 2 ** 32 - 1),
    preemptions,
    goOn: strategies.preemptions === undefined,
    randomWalk,
    pct,
    mode,
    onProgress: given.onProgress,
    shrink: given.shrink ?? true,
    selfCheck: given.selfCheck ?? true,
    maxSteps: checkNumber('maxSteps', given.maxSteps ?? 20_000, 1, 1e9),
    lostUpdates: given.lostUpdates ?? true,
    covered: given.covered ?? false,
    shard,
  }
}
