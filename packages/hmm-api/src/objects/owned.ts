/// <reference lib="esnext.disposable" preserve="true" />
import { HmmError } from '../error/hmm-error.js'
import type { Leak } from '../event.js'
import type { Context } from './context.js'

/**
 * An object that must be closed, and that closes what was made from it.
 *
 * `close()` is idempotent: every call returns the same promise. Closing an owner closes what is
 * still open below it, last made first, and names that as a leak.
 */
export abstract class Owned implements AsyncDisposable {
  /** What it is, in leak reports and messages, such as `'mirror'`. */
  readonly kind: string
  /** Which one it is. */
  readonly name: string
  /** @internal */
  readonly context: Context
  readonly #owner: Owned | undefined
  readonly #children = new Set<Owned>()
  readonly #leaks: Leak[] = []
  #isClosed = false
  #closing: Promise<void> | undefined

  protected constructor(context: Context, owner: Owned | undefined, kind: string, name: string) {
    this.context = context
    this.kind = kind
    this.name = name
    this.#owner = owner
    if (owner !== undefined) owner.#children.add(this)
  }

  /** `'open'`, or `'closed'` from the call of `close()` on. */
  get status(): 'open' | 'closed' {
    return this.#isClosed ? 'closed' : 'open'
  }

  /** What was still open when this was closed. */
  get leaks(): readonly Leak[] {
    return this.#leaks
  }

  /**
   * Closes it and frees all it made. Idempotent. If closing something below it fails, the rest is
   * closed all the same, and the first failure is thrown at the end.
   */
  close(): Promise<void> {
    this.#isClosed = true
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal Throws EBADF when it or an owner of it is closed. */
  checkOpen(op: string): void {
    if (!this.#isClosed) return
    throw new HmmError('EBADF', {
      op,
      backend: this.context.raw.name,
      message: `${this.kind} '${this.name}' is closed`,
      hint: 'Open a new one; nothing can be done with a closed one.',
    })
  }

  /** Frees the raw object. Called once, after all children are closed. */
  protected abstract doClose(): Promise<void>

  /** Adds to the report, for what a backend found by itself. */
  protected addLeaks(leaks: readonly Leak[]): void {
    this.#leaks.push(...leaks)
  }

  async #close(): Promise<void> {
    const failures: unknown[] = []
    const attempt = (work: () => Promise<void>): Promise<void> =>
      work().catch((error: unknown) => void failures.push(error))
    for (const child of [...this.#children].reverse()) {
      if (child.status === 'open') this.#leaks.push({ kind: child.kind, name: child.name })
      await attempt(() => child.close())
      this.#leaks.push(...child.#leaks)
    }
    await attempt(async () => this.doClose())
    if (this.#owner !== undefined) this.#owner.#children.delete(this)
    if (failures.length > 0) throw failures[0]
  }
}
