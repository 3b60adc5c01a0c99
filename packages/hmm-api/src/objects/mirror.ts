import type { VirtualRange } from '../address/virtual-range.js'
import { HmmError } from '../error/hmm-error.js'
import type { RawMapAttempt } from '../raw/raw-mirror.js'
import type { RawWait } from '../raw/raw-backend.js'
import type { AddressSpace } from './address-space.js'
import { checkInside } from './check.js'
import { repeat, type Wait } from './context.js'
import type { Device } from './device.js'
import { IntervalNotifier, type Synchronous } from './interval-notifier.js'
import type { InvalidateRelay } from './invalidate-event.js'
import { MirrorMapping } from './mirror-mapping.js'
import { RAW } from './raw-of.js'

/** How a mirrored range is mapped. */
export interface MirrorMapOptions extends Wait {
  /** What the device will do. Pages mapped for `'read'` stay read-only for the device. */
  readonly access: 'read' | 'write'
  /**
   * Only map what is present, fault nothing: pages may lack a mapping, and with access `'write'`
   * those that the CPU may not write yet are mapped for reading. Default false.
   */
  readonly presentOnly?: boolean
}

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
   * at most once, and only if no invalidation came in since the fault began. If it throws, the
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
    const access = options?.access
    return this.#mapLoop<R>('mirror.map', range, options, commit, (wait) => {
      if (access !== 'read' && access !== 'write') {
        throw new TypeError(`options.access is 'read' or 'write', not ${String(access)}`)
      }
      const request = { write: access === 'write', fault: !(options.presentOnly ?? false) }
      return this[RAW].map({ ...this.#pages(range), ...request }, wait)
    })
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
    options: Wait,
    commit: (mapping: MirrorMapping) => R & Synchronous<R>,
  ): Promise<R> {
    return this.#mapLoop<R>('mirror.exclusive', range, options, commit, (wait) => {
      this.device.capabilities.require('exclusive')
      return (this[RAW].exclusive as NonNullable<(typeof this)[typeof RAW]['exclusive']>)(
        this.#pages(range),
        wait,
      )
    })
  }

  /** Unmaps what the device has mapped in `range`; nothing mapped there is fine. */
  unmap(range: VirtualRange): void {
    this.checkOpen('mirror.unmap')
    this.context.mayWait('mirror.unmap')
    checkInside(range, this.range, 'the mirror')
    const { first, pages } = this.#pages(range)
    this.context.call('mirror.unmap', range, () => this[RAW].unmap(first, pages))
  }

  /** `range`, or all of the mirror, as a source for `device.dma.map`. */
  select(range: VirtualRange = this.range): MirroredRange {
    return { mirror: this, range: checkInside(range, this.range, 'the mirror') }
  }

  #mapLoop<R>(
    op: string,
    range: VirtualRange,
    options: Wait,
    commit: (mapping: MirrorMapping) => R,
    attempt: (wait: RawWait) => Promise<RawMapAttempt>,
  ): Promise<R> {
    return this.context.wait(op, range, async () => {
      this.checkUsable(op)
      checkInside(range, this.range, 'the mirror')
      const { pagesPerMap } = this.device.capabilities.require('dma.mirror')
      if (pagesPerMap !== undefined && range.pages > pagesPerMap) {
        throw new HmmError('EOVERFLOW', {
          message: `${range.pages} pages are more than one map can keep valid (${pagesPerMap})`,
          hint: 'Map slices of the range, each with its own commit.',
        })
      }
      let result: R | undefined
      await repeat(this.context, options, async (wait) => {
        this.checkUsable(op)
        const mapped = await attempt(wait)
        let done = false
        try {
          // Closed or released while it waited: nothing may be handed out any more.
          this.checkUsable(op)
          done = mapped.commit(() => {
            const mapping = new MirrorMapping(range, mapped.entries)
            result = mapping.lend(() => this.context.section('a commit', () => commit(mapping)))
          })
        } finally {
          if (!done) mapped.undo()
        }
        return done
      })
      return result as R
    })
  }

  #pages(range: VirtualRange): { first: number; pages: number } {
    return { first: this.range.indexOf(range), pages: range.pages }
  }
}
