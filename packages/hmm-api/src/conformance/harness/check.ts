import type { Errno } from '../../error/errno.js'
import { HmmError } from '../../error/hmm-error.js'
import { ConformanceFailure } from './failure.js'

/** What a call may be expected to fail with: one errno, any of several, or misuse of a signature. */
export type Expected = Errno | readonly Errno[] | typeof TypeError | typeof RangeError

/** Fails unless both have the same text as JSON (bytes as numbers). `what` says what was compared. */
export function equal(actual: unknown, expected: unknown, what = 'the result'): void {
  const [is, should] = [describe(actual), describe(expected)]
  if (is !== should) throw new ConformanceFailure(`${what} is ${is}, expected ${should}`)
}

/** Fails unless `condition` holds; `what` says what should hold. */
export function ok(condition: boolean, what: string): void {
  if (!condition) throw new ConformanceFailure(`not so: ${what}`)
}

/** Fails unless the promise rejects with `expected`; returns the error. */
export async function rejects(
  expected: Expected,
  run: Promise<unknown> | (() => Promise<unknown>),
  what = 'the call',
): Promise<HmmError> {
  try {
    await (typeof run === 'function' ? run() : run)
  } catch (error) {
    return checkError(expected, error, what)
  }
  throw new ConformanceFailure(`${what} succeeds, expected ${nameOf(expected)}`)
}

/** Fails unless `run` throws `expected` synchronously; returns the error. */
export function throws(expected: Expected, run: () => unknown, what = 'the call'): HmmError {
  try {
    run()
  } catch (error) {
    return checkError(expected, error, what)
  }
  throw new ConformanceFailure(`${what} succeeds, expected ${nameOf(expected)}`)
}

/** The code of the HmmError that the promise rejects with, or undefined if it resolves. */
export async function codeOf(promise: Promise<unknown>): Promise<Errno | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    if (HmmError.is(error)) return error.code
    throw error
  }
}

function checkError(expected: Expected, error: unknown, what: string): HmmError {
  const fits =
    typeof expected === 'function'
      ? error instanceof expected
      : HmmError.is(error) && [expected].flat().includes(error.code)
  if (fits) return error as HmmError
  const wrong = new ConformanceFailure(
    `${what} fails with ${String(error)}, expected ${nameOf(expected)}`,
  )
  wrong.cause = error
  throw wrong
}

function nameOf(expected: Expected): string {
  return typeof expected === 'function' ? expected.name : [expected].flat().join(' or ')
}

function describe(value: unknown): string {
  return (
    JSON.stringify(value, (_key, part: unknown) => {
      if (part instanceof Uint8Array) return [...part]
      return typeof part === 'bigint' ? `0x${part.toString(16)}` : part
    }) ?? 'undefined'
  )
}
