import type { SimDeviceOptions, SimulationOptions } from '@hmm-sdk/backend-sim'
import type { World } from '@hmm-sdk/backend-sim/explore'

/** Which part of the API the faulty driver is written with. */
export type Level =
  'notifier' | 'range fault' | 'mapping' | 'window' | 'device memory' | 'exclusive' | 'sync'

/** Where the bug was mended upstream. */
export interface Upstream {
  /** Subject of the commit, or what was seen where. */
  readonly subject: string
  /** Abbreviated hash, where it is known. */
  readonly commit?: string
  /** First release with the fix, where that is what is known. */
  readonly release?: string
}

/** How the high-level `Mirror` API answers the bug, with what shows it. */
export interface MirrorAnswer {
  readonly answer:
    | 'impossible by type'
    | 'impossible by construction'
    | 'caught by a checker'
    | 'found by exploration'
  readonly because: string
  /**
   * What shows it: a conformance case (`case:mirror/revoke/munmap`), a type test (`type:NAME` in
   * `mirror-types.ts`), a test (`test:NAME` in `mirror.test.ts`), or the run of this entry (`run`).
   */
  readonly evidence: readonly string[]
}

/** One real bug: the driver with it, the driver without it, and what makes the difference seen. */
export interface Bug<Variant = never> {
  readonly id: string
  /** What was wrong, and how it showed. */
  readonly about: string
  readonly upstream: Upstream
  /** Where the API does not let it be written as it was: what stands for what. */
  readonly adapted?: string
  readonly level: Level
  readonly mirror: MirrorAnswer
  readonly simulation?: SimulationOptions
  /** Options of the device `demo`. */
  readonly device?: SimDeviceOptions
  readonly faulty: Variant
  readonly fixed: Variant
  scenario(world: World, variant: Variant): Promise<void>
}

/** A bug whose variants are its own business. */
export type AnyBug = Bug

/** Checks at compile time that both variants fit the scenario. */
export function defineBug<Variant>(bug: Bug<Variant>): AnyBug {
  return bug as unknown as AnyBug
}
