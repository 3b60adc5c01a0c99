/// <reference lib="esnext.disposable" preserve="true" />
import { HmmError } from '../error/hmm-error.js'
import type { Leak } from '../event.js'
import type { Context } from './context.js'

/**
 * What an {@link Owned} closes with itself: another one, or something that has nothing below it and
 * is made by the million, which cannot afford all that an Owned has.
 */
export interface Child {
  readonly kind: string
  readonly name: string
  readonly status: 'open' | 'closed'
  readonly leaks: readonly Leak[]
  /** What the backend made of it, if its reports may be about that. */
  readonly made?: object
  /** Siblings that were made before and after it; its owner's. */
  olderSibling: Child | undefined
  newerSibling: Child | undefined
  close(): Promise<void>
}

const made = new WeakMap<Leak, object>()

function leakOf(child: Child): Leak {
  const leak = { kind: child.kind, name: child.name }
  if (child.made !== undefined) made.set(leak, child.made)
  return leak
}

/** @internal What the backend made of what leaked, for its reports. */
export function madeOf(leak: Leak): object | undefined {
  return made.get(leak)
}

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
  /** The open child that was made last. */
  private newest: Child | undefined = undefined
  /** @internal */
  olderSibling: Child | undefined = undefined
  /** @internal */
  newerSibling: Child | undefined = undefined
  #leaks: Leak[] | undefined = undefined
  private isClosed = false
  #closing: Promise<void> | undefined = undefined

  protected constructor(context: Context, owner: Owned | undefined, kind: string, name: string) {
    this.context = context
    this.kind = kind
    this.name = name
    this.#owner = owner
    owner?.adopt(this)
  }

  /** `'open'`, or `'closed'` from the call of `close()` on. */
  get status(): 'open' | 'closed' {
    return this.isClosed ? 'closed' : 'open'
  }

  /** What was still open when this was closed. */
  get leaks(): readonly Leak[] {
    return this.#leaks ?? []
  }

  /**
   * Closes it and frees all it made. Idempotent. If closing something below it fails, the rest is
   * closed all the same, and the first failure is thrown at the end.
   */
  close(): Promise<void> {
    this.isClosed = true
    this.context.raw.scheduler.explorer?.enter(`${this.kind}.close`)
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal Throws EBADF when it or an owner of it is closed. */
  checkOpen(op: string): void {
    if (this.isClosed) throw closedError(op, this)
  }

  /** Frees the raw object. Called once, after all children are closed. */
  protected abstract doClose(): Promise<void>

  /** Adds to the report, for what a backend found by itself. */
  protected addLeaks(leaks: readonly Leak[]): void {
    if (leaks.length > 0) (this.#leaks ??= []).push(...leaks)
  }

  /** @internal Closes `child` with itself, until it is forgotten. */
  adopt(child: Child): void {
    const older = this.newest
    child.olderSibling = older
    if (older !== undefined) older.newerSibling = child
    this.newest = child
  }

  /** @internal A child that was adopted is closed. */
  disown(child: Child): void {
    const { olderSibling: older, newerSibling: newer } = child
    if (newer !== undefined) newer.olderSibling = older
    else if (this.newest === child) this.newest = older
    if (older !== undefined) older.newerSibling = newer
    child.olderSibling = undefined
    child.newerSibling = undefined
  }

  async #close(): Promise<void> {
    let failures: unknown[] | undefined
    for (const child of this.newest === undefined ? [] : this.#children()) {
      if (child.status === 'open') this.addLeaks([leakOf(child)])
      try {
        await child.close()
      } catch (error) {
        ;(failures ??= []).push(error)
      }
      this.addLeaks(child.leaks)
    }
    try {
      await this.doClose()
    } catch (error) {
      ;(failures ??= []).push(error)
    }
    this.#owner?.disown(this)
    if (failures !== undefined) throw failures[0]
  }

  /** What is below it now, last made first. */
  #children(): Child[] {
    const children: Child[] = []
    for (let each = this.newest; each !== undefined; each = each.olderSibling) children.push(each)
    return children
  }
}

function closedError(op: string, { kind, name, context }: Owned): HmmError {
  return new HmmError('EBADF', {
    op,
    backend: context.raw.name,
    message: `${kind} '${name}' is closed`,
    hint: 'Open a new one; nothing can be done with a closed one.',
  })
}
