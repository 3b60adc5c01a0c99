import type { AddressSpace, Backend, VirtualRange } from '@hmm-sdk/hmm-api'

/**
 * What a scenario is given: a fresh backend, and what only a simulation can do. The explorer's
 * world and that of `failEveryStep` fit; scenarios need no more of either.
 */
export interface ScenarioWorld {
  readonly backend: Backend
  readonly control: {
    /** Takes pages away as memory pressure does; how many. */
    reclaim(space: AddressSpace, range: VirtualRange): Promise<number>
  }
  /** Runs the actors at the same time, until all have ended. */
  race(actors: Readonly<Record<string, () => unknown>>): Promise<void>
}

/** The world of a scenario whose steps are made to fail, each done again until it succeeds. */
export interface FailingWorld extends ScenarioWorld {
  step<T>(name: string, work: () => T | Promise<T>): Promise<T>
}

/** Throws unless both are the same bytes. */
export function sameBytes(what: string, actual: Uint8Array, ...allowed: Uint8Array[]): void {
  if (allowed.some((each) => isSame(actual, each))) return
  const at = actual.findIndex((byte, index) => byte !== allowed[0]?.[index])
  throw new Error(`${what} is wrong from byte ${at} of ${actual.length} on: ${actual[at]}`)
}

function isSame(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index])
}
