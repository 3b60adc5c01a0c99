import { explore } from './explore.js'
import type { Failure } from './failure.js'
import type { ExploreOptions } from './options.js'
import type { Scenario } from './scenario.js'

/** Registers a test: name, what it does, and how long it may take. */
type Register = (name: string, run: () => Promise<void>, milliseconds: number) => unknown

/** Options of {@link raceTest}. */
export interface RaceTestOptions extends Omit<ExploreOptions, 'name'> {
  /** What registers a test, `test` of your runner; found by itself under vitest and node:test. */
  readonly test?: (name: string, run: () => Promise<void>) => unknown
}

/** Seconds that a test may take beyond its budget, for shrinking. */
const SLACK_MS = 10_000
/** What a test explores if nothing else is said: a few seconds. */
const TEST_BUDGET = { schedules: 5_000, ms: 20_000 }

/** A schedule failed; the message is why, the table of its steps, and the token. */
export class RaceError extends Error {
  override readonly name = 'RaceError'
  readonly failure: Failure

  constructor(scenario: string, failure: Failure) {
    super(describeFailure(scenario, failure), { cause: failure.error })
    this.failure = failure
  }
}

/** A failure as a test prints it. */
export function describeFailure(scenario: string, failure: Failure): string {
  const { kind, message, table, token, schedulesUntilFound } = failure
  const found = `found in schedule ${schedulesUntilFound}`
  const parts = [`${kind} in '${scenario}' (${found}): ${message}`, table]
  // What differs from run to run no token can show again.
  if (kind !== 'nondeterminism') parts.push(`replay: ${token}`)
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

/**
 * Registers a test that explores `scenario` and fails with the table and the token of what it
 * finds. Works under vitest and node:test; give `test` for another runner.
 */
export function raceTest(name: string, scenario: Scenario, options: RaceTestOptions = {}): void {
  const { test, ...rest } = options
  const here = new Error('raceTest')
  const budget = { ...TEST_BUDGET, ...rest.budget }
  const run = async (): Promise<void> => {
    const { failure } = await explore(scenario, { ...rest, budget, name })
    if (failure !== undefined) throw at(here, new RaceError(name, failure))
  }
  const register: Register =
    test === undefined ? findRegister() : (title, work) => test(title, work)
  register(name, run, budget.ms + SLACK_MS)
}

/** `error` as if it came from where `raceTest` was called: runners show that line. */
function at(here: Error, error: RaceError): RaceError {
  const frames = here.stack?.split('\n').slice(2) ?? []
  if (frames.length > 0) error.stack = [`${error.name}: ${error.message}`, ...frames].join('\n')
  return error
}

/** `test` of the runner that runs this file. */
function findRegister(): Register {
  const platform = globalThis as {
    __vitest_index__?: { test: Register }
    __vitest_worker__?: unknown
    test?: Register
    process?: { getBuiltinModule?: (name: string) => unknown }
  }
  if (platform.__vitest_index__ !== undefined) return platform.__vitest_index__.test
  if (typeof platform.test === 'function') return platform.test
  if (platform.__vitest_worker__ === undefined) {
    const runner = platform.process?.getBuiltinModule?.('node:test') as
      | { test: (name: string, options: { timeout: number }, run: () => Promise<void>) => unknown }
      | undefined
    if (runner !== undefined) return (title, work, timeout) => runner.test(title, { timeout }, work)
  }
  throw new TypeError(
    'raceTest: no test runner found; give yours: raceTest(name, scenario, { test })',
  )
}
