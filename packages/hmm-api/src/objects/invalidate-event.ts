import type { VirtualRange } from '../address/virtual-range.js'
import type { InvalidateKind } from '../event.js'
import { HmmError } from '../error/hmm-error.js'
import type { RawInvalidate, RawMirror, RawMirrorCallbacks } from '../raw/raw-mirror.js'
import type { Context } from './context.js'

/** Pages that the CPU side took away or changed (`struct mmu_notifier_range`). */
export interface InvalidateEvent {
  readonly kind: InvalidateKind
  /** The part of the mirror that it concerns. */
  readonly range: VirtualRange
  /**
   * Caused by this device's own migration or exclusive grant. It takes pages away as any other: what
   * was read before must be read again (`readRetry`, `commit`).
   */
  readonly self: boolean
  /** False when the kernel cannot wait (OOM reaper). */
  readonly blockable: boolean
  /** Several invalidations in one, after an overflow: the hull of their ranges. */
  readonly coalesced: boolean
}

/** See `MirrorOptions.invalidate`. */
export type InvalidateCallback<T> = (event: InvalidateEvent, mirror: T) => void | (() => void)

/** Carries raw invalidations to the driver's callback, as sections that may not wait. */
export class InvalidateRelay<T> implements RawMirrorCallbacks {
  readonly #context: Context
  readonly #range: VirtualRange
  readonly #options: {
    readonly invalidate: InvalidateCallback<T>
    readonly released?: (mirror: T) => void
  }
  readonly #failures: unknown[] = []
  #target: T | undefined
  #raw: RawMirror | undefined
  #early: RawInvalidate[] = []
  #isReleased = false

  constructor(
    context: Context,
    range: VirtualRange,
    options: { invalidate: InvalidateCallback<T>; released?: (mirror: T) => void },
  ) {
    this.#context = context
    this.#range = range
    this.#options = options
  }

  /** Whether the mirrored process is gone. */
  get isReleased(): boolean {
    return this.#isReleased
  }

  get raw(): RawMirror {
    return this.#raw ?? notAttached()
  }

  /** What the driver's callback threw so far; the revocation stands all the same. */
  get failures(): readonly unknown[] {
    return this.#failures
  }

  /** Gives it the objects that exist only after the raw mirror was made, and what came before. */
  attach(target: T, raw: RawMirror): void {
    this.#target = target
    this.#raw = raw
    const early = this.#early
    this.#early = []
    for (const event of early) this.invalidate(event)?.()
    if (this.#isReleased) this.#tellReleased(target)
  }

  invalidate(event: RawInvalidate): void | (() => void) {
    if (this.#target === undefined) {
      this.#early.push(event)
      return
    }
    const target = this.#target
    const second = this.#guarded(() =>
      this.#options.invalidate(
        {
          kind: event.kind,
          range: this.#range.slice(event.first, event.pages),
          self: event.self,
          blockable: event.blockable,
          coalesced: event.coalesced,
        },
        target,
      ),
    )
    if (typeof second === 'function') {
      return () => {
        this.#guarded(second)
      }
    }
  }

  released(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    if (this.#target !== undefined) this.#tellReleased(this.#target)
  }

  #tellReleased(target: T): void {
    this.#guarded(() => this.#options.released?.(target))
  }

  #guarded<R>(run: () => R): R | undefined {
    try {
      return this.#context.section('an invalidate callback', run)
    } catch (error) {
      const failure = HmmError.is(error)
        ? error.with({ op: 'invalidate', range: this.#range })
        : error
      this.#failures.push(failure)
      this.#context.misuse('invalidate-callback', failure)
      return undefined
    }
  }
}

function notAttached(): never {
  throw new Error('the raw mirror is not attached yet')
}
