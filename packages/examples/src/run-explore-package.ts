import type * as Explore from '@hmm-sdk/backend-sim/explore'
import { HmmError } from '@hmm-sdk/hmm-api'

/** The explorer, which only a simulation has; drivers and scenarios know nothing of it. */
export type ExplorePackage = typeof Explore

/** Loads it when it is asked for. ENOENT if the package is not there, with what mends that. */
export async function loadExplore(): Promise<ExplorePackage> {
  try {
    return await import('@hmm-sdk/backend-sim/explore')
  } catch (cause) {
    throw new HmmError('ENOENT', {
      message: 'exploring and failing steps need the simulation, @hmm-sdk/backend-sim',
      hint: 'npm install @hmm-sdk/backend-sim',
      cause,
    })
  }
}
