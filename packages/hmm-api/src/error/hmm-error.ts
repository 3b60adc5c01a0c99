import type { VirtualRange } from '../address/virtual-range.js'
import { ERRNO, type Errno } from './errno.js'

const MARK = Symbol.for('@hmm-sdk/hmm-api:HmmError')

/** Codes after which the same call may succeed without anything else being changed. */
const RETRYABLE: ReadonlySet<Errno> = new Set(['EAGAIN', 'EBUSY', 'EINTR', 'ENOMEM', 'ESTALE'])

/** What an {@link HmmError} is made from; backends leave out what only the caller knows. */
export interface HmmErrorDetails {
  /** What failed, in a few words; the text of the code if left out. */
  readonly message?: string | undefined
  /** The public operation, such as `'mirror.map'`. Filled in by hmm-api. */
  readonly op?: string | undefined
  /** The name of the backend, such as `'sim'`. Filled in by hmm-api. */
  readonly backend?: string | undefined
  /** The range the operation worked on. Filled in by hmm-api. */
  readonly range?: VirtualRange | undefined
  /** Index of the failing page in {@link range}. */
  readonly page?: number | undefined
  /** What to do about it, as a sentence to a driver author. */
  readonly hint?: string | undefined
  readonly cause?: unknown
  /** Whether the same call may succeed later; decided by the code if left out. */
  readonly retryable?: boolean | undefined
}

/**
 * An operation failed for a reason outside the driver's code (misuse of a signature is a
 * `TypeError` instead).
 *
 * `code` is stable within a major version, the message is for people. Recognise it with
 * {@link HmmError.is}, which also works across two copies of this package.
 */
export class HmmError extends Error {
  override readonly name = 'HmmError'
  readonly code: Errno
  readonly op: string | undefined
  readonly backend: string | undefined
  readonly range: VirtualRange | undefined
  readonly page: number | undefined
  readonly hint: string | undefined
  readonly retryable: boolean
  /** @internal What was given, so that hmm-api can add what the backend did not know. */
  readonly details: HmmErrorDetails

  constructor(code: Errno, details: HmmErrorDetails = {}) {
    super(describe(code, details), details.cause === undefined ? {} : { cause: details.cause })
    this.code = code
    this.op = details.op
    this.backend = details.backend
    this.range = details.range
    this.page = details.page
    this.hint = details.hint
    this.retryable = details.retryable ?? RETRYABLE.has(code)
    this.details = details
    Object.defineProperty(this, MARK, { value: true })
  }

  /** Whether `error` is an HmmError (of any copy of this package), and has that code if given. */
  static is(error: unknown, code?: Errno): error is HmmError {
    return (
      typeof error === 'object' &&
      error !== null &&
      MARK in error &&
      (code === undefined || (error as unknown as HmmError).code === code)
    )
  }

  /** The same error with details added that it does not have yet. */
  with(extra: HmmErrorDetails): HmmError {
    const merged = { ...extra, ...dropUndefined(this.details) }
    const error = new HmmError(this.code, merged)
    if (this.stack !== undefined)
      error.stack = this.stack.replace(this.message, () => error.message)
    return error
  }
}

function dropUndefined(details: HmmErrorDetails): HmmErrorDetails {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined))
}

function describe(code: Errno, details: HmmErrorDetails): string {
  const what = details.message ?? ERRNO[code].text
  // A capability may have the name of the operation that needs it.
  const named = details.op === undefined || what.startsWith(`${details.op}: `)
  let text = `${code}: ${named ? '' : `${details.op}: `}${what}`
  if (details.range !== undefined) {
    const page = details.page === undefined ? '' : `, page ${details.page}`
    text += ` (range ${details.range.toString()}${page})`
  } else if (details.page !== undefined) text += ` (page ${details.page})`
  if (details.backend !== undefined) text += ` [${details.backend}]`
  if (details.hint !== undefined) text += `\n  ${details.hint}`
  if (HmmError.is(details.cause)) text += `\n  cause: ${details.cause.code}`
  return text
}
