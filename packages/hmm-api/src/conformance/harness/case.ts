import type { Need } from './need.js'
import type { Scene } from './scene.js'

/** What a case does; it fails by throwing. */
export type CaseBody = (t: Scene) => Promise<void>

/** A case with needs of its own. */
export interface CaseWithNeeds {
  readonly needs: readonly Need[]
  readonly run: CaseBody
}

/** One rule, in isolation, with its address such as `range-fault/snapshot/zero-page`. */
export interface ConformanceCase {
  readonly address: string
  readonly needs: readonly Need[]
  readonly run: CaseBody
}

/** The cases of one file, which are about one thing. */
export interface CaseGroup {
  /** Such as `range-fault/snapshot`. */
  readonly address: string
  readonly needs: readonly Need[]
  readonly cases: readonly ConformanceCase[]
}

/** A group file: what it tests in prose, and the cases. */
export interface CaseModule {
  readonly description: string
  readonly group: CaseGroup
}

/** Makes a group. `needs` hold for all of its cases. */
export function caseGroup(
  address: string,
  needs: readonly Need[],
  cases: Readonly<Record<string, CaseBody | CaseWithNeeds>>,
): CaseGroup {
  return {
    address,
    needs,
    cases: Object.entries(cases).map(([name, given]) => {
      const own = typeof given === 'function' ? { needs: [], run: given } : given
      return {
        address: `${address}/${name}`,
        needs: [...new Set([...needs, ...own.needs])],
        run: own.run,
      }
    }),
  }
}

/** A case that needs more than its group. */
export function needing(needs: readonly Need[], run: CaseBody): CaseWithNeeds {
  return { needs, run }
}
