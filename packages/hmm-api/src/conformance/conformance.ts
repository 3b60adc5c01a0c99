import { GROUPS } from './cases/index.js'
import { equal } from './harness/check.js'
import { runCase } from './harness/run-case.js'
import { selectCases } from './harness/select.js'
import { limitOf, sceneSource, type ConformanceOptions } from './run-conformance.js'

/** The part of a test runner's context that is used: `skip` of vitest, node:test and others. */
export interface RunnerContext {
  readonly skip?: (reason?: string) => unknown
}

/** The part of a test runner that is used: vitest, node:test and others fit as they are. */
export interface Runner {
  readonly describe: (name: string, body: () => void) => unknown
  readonly it: (name: string, body: (context: RunnerContext) => Promise<void>) => unknown
  /** `afterAll` of vitest, `after` of node:test. Needed with `isolation: 'space'`. */
  readonly afterAll?: (body: () => Promise<void>) => unknown
}

/**
 * Declares the suite to a test runner: a `describe` for each group, an `it` for each case.
 *
 * ```ts
 * import { afterAll, describe, it } from 'vitest'
 * conformance({ describe, it, afterAll, open: () => openBackend({ backend: createBackend }) })
 * ```
 */
export function conformance(options: ConformanceOptions & Runner): void {
  if (options.isolation === 'space' && options.afterAll === undefined) {
    throw new TypeError("isolation 'space' needs afterAll, to close the shared backend")
  }
  const source = sceneSource(options)
  const wanted = new Set(
    selectCases(
      GROUPS.flatMap(({ cases }) => cases),
      options.only,
    ),
  )
  for (const group of GROUPS) {
    const cases = group.cases.filter((test) => wanted.has(test))
    if (cases.length === 0) continue
    options.describe(group.address, () => {
      for (const test of cases) {
        const name = test.address.slice(group.address.length + 1)
        options.it(name, async (context) => {
          const result = await runCase(source, test, limitOf(options))
          if (result.status === 'failed') throw result.error
          if (result.missing === undefined) return
          context?.skip?.(`${result.missing.need}: ${result.missing.reason}`)
        })
      }
    })
  }
  options.afterAll?.(async () => equal(await source.end(), [], 'what the shared backend leaked'))
}
