import type { ConformanceCase } from './case.js'

/** The cases whose address is one of `only` or below one of them; all if it is undefined. */
export function selectCases(
  cases: readonly ConformanceCase[],
  only: string | readonly string[] | undefined,
): readonly ConformanceCase[] {
  if (only === undefined) return cases
  const wanted = [only].flat()
  const found = cases.filter(({ address }) =>
    wanted.some((each) => address === each || address.startsWith(`${each}/`)),
  )
  for (const each of wanted) {
    if (!found.some(({ address }) => address === each || address.startsWith(`${each}/`))) {
      throw new TypeError(`no conformance case has the address '${each}' or lies below it`)
    }
  }
  return found
}
