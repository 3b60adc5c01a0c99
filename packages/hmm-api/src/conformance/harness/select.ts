import type { ConformanceCase } from './case.js'

/** The cases whose address is one of `only` or below one of them; all if it is undefined. */
export function selectCases(
  cases: readonly ConformanceCase[],
  only: string | readonly string[] | undefined,
): readonly ConformanceCase[] {
  if (only === undefined) return cases
  const wanted = [only].flat()
  for (const each of wanted) {
    if (!cases.some(({ address }) => isBelow(address, each))) {
      throw new TypeError(`no conformance case has the address '${each}' or lies below it`)
    }
  }
  return cases.filter(({ address }) => wanted.some((each) => isBelow(address, each)))
}

function isBelow(address: string, wanted: string): boolean {
  return address === wanted || address.startsWith(wanted.endsWith('/') ? wanted : `${wanted}/`)
}
