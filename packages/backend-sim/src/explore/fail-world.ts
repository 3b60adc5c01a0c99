import { HmmError, openBackend, type Backend, type Device, type Leak } from '@hmm-sdk/hmm-api'
import { createBackend } from '../index.js'
import { control, type SimControl } from '../sim/control.js'
import type { FailOptions } from './fail-every-step.js'

/**
 * What a scenario of `failEveryStep` is given: the world of an exploration, and `step`. A scenario
 * written for `explore` fits as it is.
 */
export interface FailWorld {
  /** A fresh simulation, through the public API. */
  readonly backend: Backend
  /** Its levers. */
  readonly control: SimControl
  /** Runs the actors at the same time and waits for all; throws the first error of one. */
  race(actors: Readonly<Record<string, () => unknown>>): Promise<void>
  /** Nothing but a turn for others: no schedules are explored here. */
  point(name: string): Promise<void>
  /**
   * Does `work`; if a failure that was injected meanwhile makes it fail, notes that its caller was
   * told, and does it again, as a caller with patience would. So what follows finds all as if
   * nothing had failed, and can check every byte.
   *
   * A failure without a reason is thrown on: work has to succeed once nothing fails any more.
   */
  step<T>(name: string, work: () => T | Promise<T>): Promise<T>
}

/** A scenario of `failEveryStep`; it closes what it opens, also when it throws. */
export type FailScenario = (world: FailWorld) => void | Promise<void>

/** A world with what was noted in it. */
export class NotingWorld implements FailWorld {
  readonly backend: Backend
  readonly control: SimControl
  /** Steps that failed and were done again. */
  readonly told: { readonly step: string; readonly error: unknown }[] = []
  /** What did not hold after one of them. */
  readonly problems: string[] = []
  readonly #devices: Device[] = []

  constructor(backend: Backend) {
    this.backend = backend
    this.control = control(backend)
    const openDevice = backend.openDevice.bind(backend)
    backend.openDevice = async (...given) => {
      const device = await openDevice(...given)
      this.#devices.push(device)
      return device
    }
  }

  /** Closes the backend; all that was left open, also below devices that were closed themselves. */
  async close(): Promise<readonly Leak[]> {
    const closed = this.#devices.filter(({ status }) => status === 'closed')
    const below = closed.flatMap(({ leaks }) => leaks)
    await this.backend.close()
    return [...below, ...this.backend.leaks]
  }

  static async open({ simulation = {}, devices }: FailOptions): Promise<NotingWorld> {
    const config = { sim: simulation, ...(devices === undefined ? {} : { devices }) }
    return new NotingWorld(await openBackend({ backend: createBackend, config }))
  }

  readonly race = async (actors: Readonly<Record<string, () => unknown>>): Promise<void> => {
    const running = Object.values(actors).map(async (actor) => actor())
    for (const each of await Promise.allSettled(running)) {
      if (each.status === 'rejected') throw each.reason
    }
  }

  readonly point = async (): Promise<void> => undefined

  readonly step = async <T>(name: string, work: () => T | Promise<T>): Promise<T> => {
    for (;;) {
      const failed = this.control.fired().length
      try {
        return await work()
      } catch (error) {
        if (this.control.fired().length === failed || hmmErrorIn(error) === undefined) throw error
        this.told.push({ step: name, error })
        for (const problem of this.control.problems()) this.problems.push(`${name}: ${problem}`)
      }
    }
  }
}

/** The HmmError that `error` is or has among its causes. */
export function hmmErrorIn(error: unknown): HmmError | undefined {
  for (let each = error, depth = 0; depth < 16; depth++) {
    if (HmmError.is(each)) return each
    if (!(each instanceof Error)) return undefined
    if (each instanceof AggregateError) each = each.errors.find((one) => hmmErrorIn(one))
    else each = each.cause
  }
  return undefined
}
