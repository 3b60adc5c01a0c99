import type { VirtualRange } from '../address/virtual-range.js'
import { HmmError } from '../error/hmm-error.js'
import { shown } from '../error/shown.js'
import { ENTRY_REQ_FAULT, ENTRY_REQ_WRITE } from '../entry.js'
import type { RawMirror } from '../raw/raw-mirror.js'
import type { AddressSpace } from './address-space.js'
import { checkInside } from './check.js'
import { rawWait, Rounds, type Wait } from './context.js'
import type { Device } from './device.js'
import { FaultedPages } from './faulted-pages.js'
import type { InvalidateRelay } from './invalidate-event.js'
import { Owned } from './owned.js'
import { RAW } from './raw-of.js'

/** A sequence number from `readBegin`; only `readRetry` of the same notifier takes it. */
export type Sequence = number & { readonly __sequence: never }

/** Which pages of a range fault are wanted. */
export type PageRequest = 'none' | 'read' | 'write'

/** How a range fault works. */
export interface FaultOptions extends Wait {
  /** For every page: `'none'` snapshots (default), `'read'` and `'write'` fault pages in. */
  readonly request?: PageRequest
  /** More for single pages: page index in the range -> request. The wider one of both counts. */
  readonly perPage?: ReadonlyMap<number, PageRequest>
}

/**
 * Refuses commits that return a promise, at compile time: an `await` would drop the lock under
 * which the pages are valid.
 */
export type Synchronous<R> =
  R extends PromiseLike<unknown> ? 'A commit must be synchronous: remove async and await' : R

const REQUEST_FLAGS: Readonly<Record<PageRequest, number>> = {
  none: 0,
  read: ENTRY_REQ_FAULT,
  write: ENTRY_REQ_FAULT | ENTRY_REQ_WRITE,
}

/**
 * Watches a range of a process and says whether what was read about it still holds
 * (`struct mmu_interval_notifier`). Most drivers use {@link Mirror}, which is this and DMA.
 *
 * The protocol: `readBegin`, work that may sleep, then synchronously `readRetry`; if it returns
 * true start again, otherwise use what was read, before anything is awaited. `fault` and `commit`
 * do that protocol for range faults.
 */
export class IntervalNotifier extends Owned {
  /** The watched range. */
  readonly range: VirtualRange
  /** The process it belongs to. */
  readonly space: AddressSpace
  readonly device: Device
  readonly #relay: InvalidateRelay<never>
  /**
   * The array of a result that went through its commit, where nobody reads it any more, for the next
   * one of its size: fresh memory costs more than a snapshot writes to it.
   */
  #spare: Uint32Array | undefined = undefined

  /** @internal */
  constructor(
    device: Device,
    space: AddressSpace,
    range: VirtualRange,
    relay: InvalidateRelay<never>,
    name: string,
    kind = 'notifier',
  ) {
    super(device.context, device, kind, name)
    this.device = device
    this.space = space
    this.range = range
    this.#relay = relay
  }

  get [RAW](): RawMirror {
    return this.#relay.raw
  }

  /** Whether the mirrored process is gone. */
  get isReleased(): boolean {
    return this.#relay.isReleased
  }

  /** What the invalidate callback threw so far; no throw of it stops a revocation. */
  get callbackFailures(): readonly unknown[] {
    return this.#relay.failures
  }

  /**
   * Begins a read: waits while an invalidation of the range runs. `mmu_interval_read_begin`
   * Errors: ESRCH, EINTR, EBUSY (deadline), EBADF, EDEADLK (inside a commit).
   */
  readBegin(wait?: Wait): Promise<Sequence> {
    return this.context.wait('notifier.readBegin', this.range, async () => {
      this.checkUsable('notifier.readBegin')
      return (await this[RAW].readBegin(rawWait(wait))) as Sequence
    })
  }

  /** True if an invalidation came since `readBegin`: start again. `mmu_interval_read_retry` */
  readRetry(sequence: Sequence): boolean {
    this.checkUsable('notifier.readRetry')
    return this.context.call('notifier.readRetry', this.range, () => this[RAW].readRetry(sequence))
  }

  /**
   * Reads, or faults in, the pages of `range`; what it found may be used inside {@link commit}.
   *
   * Errors: EFAULT (no VMA, or it cannot be accessed), EPERM (write to what is read-only), ENOMEM,
   * EBUSY (deadline), EINTR, ESRCH, EBADF, EDEADLK; RangeError outside the notifier.
   * `hmm_range_fault`
   */
  fault(range: VirtualRange, options: FaultOptions = {}): Promise<FaultedPages> {
    return this.context.wait('notifier.fault', range, async () => {
      this.checkUsable('notifier.fault')
      checkInside(range, this.range, 'the watched range')
      const fresh = options.perPage === undefined
      const entries = this.#entries(range.pages, fresh)
      const defaultFlags = REQUEST_FLAGS[checkRequest(options.request ?? 'none')]
      for (const [index, request] of options.perPage ?? []) {
        if (index >>> 0 !== index || index >= range.pages) {
          throw new RangeError(`perPage index ${shown(index)} is outside ${range.toString()}`)
        }
        entries[2 * index + 1] = REQUEST_FLAGS[checkRequest(request)]
      }
      const mask = fresh ? 0 : ENTRY_REQ_FAULT | ENTRY_REQ_WRITE
      const first = this.range.indexOf(range)
      const sequence = await this[RAW].fault(
        { first, pages: range.pages, defaultFlags, mask, entries, fresh },
        rawWait(options),
      )
      return new FaultedPages(this, range, entries, sequence)
    })
  }

  /**
   * Runs `run` with the pages if nothing invalidated them since the fault began. Returns whether
   * it did; if not, fault again. `run` is synchronous, may not map or wait (EDEADLK), and what it
   * is given throws when used later.
   */
  commit(pages: FaultedPages, run: (pages: FaultedPages) => void): boolean {
    const op = 'notifier.commit'
    this.checkUsable(op)
    if (pages.notifier !== this) throw new TypeError('these pages were faulted by another notifier')
    return this.context.call(op, pages.range, () => {
      const entries = pages.take()
      try {
        if (this[RAW].readRetry(pages.sequence)) return false
        pages.lend(this.context, run)
        return true
      } finally {
        this.#spare = entries
      }
    })
  }

  /** Fault and commit, again and again until a commit holds, or the deadline (EBUSY). */
  async faultAndCommit<R>(
    range: VirtualRange,
    options: FaultOptions,
    run: (pages: FaultedPages) => R & Synchronous<R>,
  ): Promise<R> {
    const rounds = new Rounds(this.context, options)
    let result: R | undefined
    for (;;) {
      const pages = await this.fault(range, { ...options, ...rounds.next() })
      const done = this.commit(pages, (valid) => void (result = this.#value(run(valid))))
      if (done) return result as R
      await rounds.pause()
    }
  }

  /** @internal EBADF when closed, ESRCH when the process is gone. */
  checkUsable(op: string): void {
    this.checkOpen(op)
    if (this.isReleased) throw released(op, this)
  }

  protected doClose(): Promise<void> {
    return this[RAW].close()
  }

  /** Entries for `pages` pages; what is in them is arbitrary if `fresh`, else zeros. */
  #entries(pages: number, fresh: boolean): Uint32Array {
    const spare = this.#spare
    this.#spare = undefined
    if (spare?.length !== 2 * pages) return new Uint32Array(2 * pages)
    return fresh ? spare : spare.fill(0)
  }

  // A promise must reach the section, which turns it into EDEADLK.
  #value<R>(result: R): R {
    return this.context.section('a commit', () => result)
  }
}

function checkRequest(request: PageRequest): PageRequest {
  if (!Object.hasOwn(REQUEST_FLAGS, request)) {
    throw new TypeError(`request ${shown(request)} is not one of none, read, write`)
  }
  return request
}

function released(op: string, { range, context, kind, name }: IntervalNotifier): HmmError {
  return new HmmError('ESRCH', {
    op,
    range,
    backend: context.raw.name,
    message: `the process of ${kind} '${name}' is gone`,
    hint: 'Close the mirror; a mirror does not keep a process alive.',
  })
}
