import type { VirtualRange } from '../address/virtual-range.js'
import { HmmError } from '../error/hmm-error.js'
import { shown } from '../error/shown.js'
import type { RawMapAttempt } from '../raw/raw-mirror.js'
import type { RawWait } from '../raw/raw-backend.js'
import type { AddressSpace } from './address-space.js'
import { checkInside } from './check.js'
import { rangeWait, Rounds, type Caused, type Wait } from './context.js'
import type { Device } from './device.js'
import { IntervalNotifier, type Synchronous } from './interval-notifier.js'
import type { InvalidateRelay } from './invalidate-event.js'
import { MirrorMapping } from './mirror-mapping.js'
import { RAW } from './raw-of.js'

/** How a mirrored range is mapped. */
export interface MirrorMapOptions extends Wait, Caused {
  /** What the device will do. Pages mapped for `'read'` stay read-only for the device. */
  readonly access: 'read' | 'write'
  /**
   * Only map what is present, fault nothing: pages may lack a mapping, and with access `'write'`
   * those that the CPU may not write yet are mapped for reading. Default false.
   */
  readonly presentOnly?: boolean
}

/** Instead of a commit's value: it did not run. */
const AGAIN = Symbol('again')

/** A part of a mirror, as a source for `device.dma.map`. */
export interface MirroredRange {
  readonly mirror: Mirror
  readonly range: VirtualRange
}

/**
 * A mirrored range of a process: interval notifier, fault, DMA mapping and commit in one.
 *
 * `map` does the loop that every such driver has: fault the pages, map each for DMA, check that
 * nothing was invalidated meanwhile, hand them to the driver, and undo everything otherwise. When
 * the process changes the range, the backend revokes the DMA mappings first and then tells the
 * driver.
 */
export class Mirror extends IntervalNotifier {
  #pagesPerMap: number | undefined = undefined

  /** @internal */
  constructor(
    device: Device,
    space: AddressSpace,
    range: VirtualRange,
    relay: InvalidateRelay<never>,
    name: string,
  ) {
    super(device, space, range, relay, name, 'mirror')
  }

  /**
   * Maps every page of `range` for the device, or none, and runs `commit` with the mapping.
   *
   * `commit` is synchronous: it installs the DMA pages in the driver's own translations. It runs
   * at most once, before the promise resolves (where nothing has to be waited for even before `map`
   * returns), and only if no invalidation came in since the fault began. If it throws, the
   * mapping is undone. What it returns is what `map` returns.
   *
   * The mapping stays until an invalidation revokes it, `unmap`, or close. Mapping mapped pages
   * again gives the same DMA pages; those that the device holds exclusively stay so.
   *
   * Errors, with `page` where one page is to blame: EFAULT, EPERM, ENOMEM, EBUSY (deadline),
   * EINTR, ESRCH, EOPNOTSUPP (the device's DMA cannot revoke: see capability `dma.mirror`), EBADF,
   * EDEADLK (called inside a commit, or `commit` returned a promise); EOVERFLOW for more pages
   * than the capability's limit `pagesPerMap`.
   */
  map<R>(
    range: VirtualRange,
    options: MirrorMapOptions,
    commit: (mapping: MirrorMapping) => R & Synchronous<R>,
  ): Promise<R> {
    const op = 'mirror.map'
    const { context } = this
    let begun: Promise<RawMapAttempt> | undefined
    // The first attempt is made at once. If it needs no waiting, and its commit holds, that is all:
    // devices map what is there far more often than what has to be faulted in.
    if (context.raw.scheduler.explorer === undefined) {
      try {
        context.mayWait(op)
        this.#checkMap(op, range)
        const first = this.#attempt(range, options, rangeWait(options))
        if (isAttempt(first)) {
          const value = this.#commit(op, range, first, commit)
          if (value !== AGAIN) return Promise.resolve(value)
        } else begun = first
      } catch (error) {
        return Promise.reject(context.decorate(error, op, range))
      }
    }
    return this.#mapAgain(op, range, options, commit, begun)
  }

  /**
   * Takes the pages of `range` for the device alone and maps them for atomics: the next CPU touch
   * takes a page back, by an invalidation. Anonymous memory only. `make_device_exclusive`
   *
   * Errors: those of {@link map}, EOPNOTSUPP without the capability `exclusive` or for memory that
   * is not anonymous, EBUSY when the CPU side keeps taking the pages back.
   */
  exclusive<R>(
    range: VirtualRange,
    options: Wait & Caused,
    commit: (mapping: MirrorMapping) => R & Synchronous<R>,
  ): Promise<R> {
    const op = 'mirror.exclusive'
    const attempt = (wait: RawWait): Promise<RawMapAttempt> => {
      this.device.capabilities.require('exclusive')
      return (this[RAW].exclusive as NonNullable<(typeof this)[typeof RAW]['exclusive']>)(
        this.#pages(range),
        wait,
      )
    }
    return this.#mapLoop<R>(op, range, options, commit, attempt)
  }

  /** Unmaps what the device has mapped in `range`; nothing mapped there is fine. */
  unmap(range: VirtualRange): void {
    const op = 'mirror.unmap'
    this.checkOpen(op)
    this.context.mayWait(op)
    checkInside(range, this.range, 'the mirror')
    try {
      this[RAW].unmap(range.startPage - this.range.startPage, range.pages)
    } catch (error) {
      throw this.context.decorate(error, op, range)
    }
  }

  /** `range`, or all of the mirror, as a source for `device.dma.map`. */
  select(range: VirtualRange = this.range): MirroredRange {
    return { mirror: this, range: checkInside(range, this.range, 'the mirror') }
  }

  #attempt(
    range: VirtualRange,
    options: MirrorMapOptions,
    wait: RawWait,
  ): RawMapAttempt | Promise<RawMapAttempt> {
    const access = options?.access
    if (access !== 'read' && access !== 'write') throw notAccess(access)
    return this[RAW].map(
      {
        first: range.startPage - this.range.startPage,
        pages: range.pages,
        write: access === 'write',
        fault: !(options.presentOnly ?? false),
      },
      wait,
    )
  }

  // Apart, so that what a map never needs that holds at once is not made for it.
  #mapAgain<R>(
    op: string,
    range: VirtualRange,
    options: MirrorMapOptions,
    commit: (mapping: MirrorMapping) => R,
    begun: Promise<RawMapAttempt> | undefined,
  ): Promise<R> {
    const attempt = (wait: RawWait) => this.#attempt(range, options, wait)
    return this.#mapLoop(op, range, options, commit, attempt, begun)
  }

  /** Attempts, of which the first may have begun, until a commit holds. */
  #mapLoop<R>(
    op: string,
    range: VirtualRange,
    options: Wait & Caused,
    commit: (mapping: MirrorMapping) => R,
    attempt: (wait: RawWait) => RawMapAttempt | Promise<RawMapAttempt>,
    first?: Promise<RawMapAttempt>,
  ): Promise<R> {
    return this.context.wait(op, range, async () => {
      let begun = first
      try {
        this.#checkMap(op, range)
        const rounds = new Rounds(this.context, options)
        for (;;) {
          const wait = rounds.next()
          this.checkUsable(op)
          const made = begun ?? attempt(wait)
          begun = undefined
          const value = this.#commit(op, range, await made, commit)
          if (value !== AGAIN) return value
          await rounds.pause()
        }
      } finally {
        // Released or aborted while the first attempt began: nobody waits for it.
        begun?.then((unused) => unused.undo()).catch(() => undefined)
      }
    })
  }

  /** What the commit returned; AGAIN if it did not run: then all the attempt did is undone. */
  #commit<R>(
    op: string,
    range: VirtualRange,
    mapped: RawMapAttempt,
    commit: (mapping: MirrorMapping) => R,
  ): R | typeof AGAIN {
    const { context } = this
    let done = false
    let value: R | typeof AGAIN = AGAIN
    try {
      // Closed or released while it waited: nothing may be handed out any more.
      this.checkUsable(op)
      done = mapped.commit(() => {
        value = new MirrorMapping(range, mapped.entries).lend(context, commit)
      })
    } finally {
      if (!done) mapped.undo()
    }
    return value
  }

  #checkMap(op: string, range: VirtualRange): void {
    this.checkUsable(op)
    checkInside(range, this.range, 'the mirror')
    // Looked up once: a capability is the same as long as its device is open.
    this.#pagesPerMap ??= this.device.capabilities.require('dma.mirror').pagesPerMap ?? Infinity
    const pagesPerMap = this.#pagesPerMap
    if (range.pages > pagesPerMap) throw tooManyPages(range.pages, pagesPerMap)
  }

  #pages(range: VirtualRange): { first: number; pages: number } {
    return { first: this.range.indexOf(range), pages: range.pages }
  }
}

function isAttempt(made: RawMapAttempt | Promise<RawMapAttempt>): made is RawMapAttempt {
  return typeof (made as RawMapAttempt).commit === 'function'
}

function tooManyPages(pages: number, most: number): HmmError {
  return new HmmError('EOVERFLOW', {
    message: `${pages} pages are more than one map can keep valid (${most})`,
    hint: 'Map slices of the range, each with its own commit.',
  })
}

function notAccess(access: unknown): TypeError {
  return new TypeError(`options.access is 'read' or 'write', not ${shown(access)}`)
}
