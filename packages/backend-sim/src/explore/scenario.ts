import type { Backend } from '@hmm-sdk/hmm-api'
import type { SimControl } from '../sim/control.js'

/** What runs at the same time, by name: driver threads, the process, reclaim, the device. */
export type Actors = Readonly<Record<string, () => unknown>>

/** What a scenario is given: a fresh simulation, and the place where schedules differ. */
export interface World {
  /** The public API on a simulation of its own. */
  readonly backend: Backend
  /** Its levers: failures, reclaim, time. */
  readonly control: SimControl
  /**
   * Runs the actors at the same time; the only part of a scenario in which schedules differ. Before
   * and after it the scenario is one strand. Never rejects: a failing actor fails the schedule.
   */
  race(this: void, actors: Actors): Promise<void>
  /** A point of the scenario's own: another actor may run here. */
  point(this: void, name: string): Promise<void>
}

/**
 * What is tried under many schedules: runs once per schedule, each time in a fresh simulation.
 * What it leaves open at its end is a leak, and so a failure.
 */
export type Scenario = (world: World) => void | Promise<void>

/** Helps editors to the types of a scenario in a module of its own. */
export function defineScenario(scenario: Scenario): Scenario {
  return scenario
}
