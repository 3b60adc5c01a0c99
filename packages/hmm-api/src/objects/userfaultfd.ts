import type { VirtualAddress } from '../address/address.js'
import { VirtualRange } from '../address/virtual-range.js'
import { HmmError } from '../error/hmm-error.js'
import type {
  RawUserfault,
  RawUserfaultfd,
  RawUserfaultfdRequest,
} from '../raw/raw-address-space.js'
import type { AddressSpace } from './address-space.js'
import { checkRange, checkUint8Array } from './check.js'
import { checkSignal, type Wait } from './context.js'
import { bounded } from '../sync/bounded.js'
import { Owned } from './owned.js'
import { RAW } from './raw-of.js'

/** Which touches of a range are to be served; at least one of both. */
export interface UserfaultfdOptions extends Wait {
  /** Touches of pages that are not there. `UFFDIO_REGISTER_MODE_MISSING` */
  readonly missing?: boolean
  /**
   * Writes to what `writeProtect()` protects, there or not. `UFFDIO_REGISTER_MODE_WP`
   *
   * `'async'`: nobody waits and none of them is a fault to serve; the kernel takes the protection away and
   * `scan()` says what was written, by the CPU or by a fault for writing. Also of files on a disk. Capability
   * `space.userfaultfd.async`. `UFFD_FEATURE_WP_ASYNC`
   */
  readonly writeProtect?: boolean | 'async'
}

/** A touch that waits to be served. */
export interface Userfault {
  /** The page. */
  readonly page: VirtualRange
  /** The page's address. */
  readonly address: VirtualAddress
  readonly access: 'read' | 'write'
  /** `'missing'`: fill the page. `'write-protect'`: take the protection away. */
  readonly kind: 'missing' | 'write-protect'
}

/**
 * Serves page faults of a range of a process, instead of the kernel (`userfaultfd(2)`): whoever touches
 * a page there, the CPU or a range fault for a device, waits until it was served. A backend whose range
 * faults cannot wait (capability `mirror.userfaultfd`) fails them with EFAULT.
 *
 * Only what is registered when it is made is served: a child, and a place that memory moves to, are not.
 */
export class Userfaultfd extends Owned {
  readonly range: VirtualRange
  readonly #raw: RawUserfaultfd
  readonly #space: AddressSpace
  readonly #pending: Userfault[] = []
  #wake: () => void = () => undefined
  readonly #asynchronous: boolean
  #consumed = false

  /** @internal */
  private constructor(
    space: AddressSpace,
    range: VirtualRange,
    raw: RawUserfaultfd,
    asynchronous: boolean,
  ) {
    super(space.context, space, 'userfaultfd', range.toString())
    this.range = range
    this.#space = space
    this.#raw = raw
    this.#asynchronous = asynchronous
  }

  /** @internal Registers the range. */
  static async open(
    space: AddressSpace,
    range: VirtualRange,
    modes: Omit<RawUserfaultfdRequest, 'startPage' | 'pages'>,
  ): Promise<Userfaultfd> {
    const early: RawUserfault[] = []
    let deliver = (fault: RawUserfault): void => void early.push(fault)
    const request = { startPage: range.startPage, pages: range.pages, ...modes }
    const raw = await space[RAW].userfaultfd!(request, (fault) => deliver(fault))
    const made = new Userfaultfd(space, range, raw, modes.asynchronous === true)
    deliver = (fault) => made.#deliver(fault)
    for (const fault of early) made.#deliver(fault)
    return made
  }

  /**
   * The touches that wait, in the order in which they came, each once; ends when this is closed, or
   * `signal` aborts. TypeError for a second consumer at the same time.
   */
  async *faults(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<Userfault> {
    const { signal } = options
    if (signal !== undefined) checkSignal(signal)
    this.checkOpen('userfaultfd.faults')
    if (this.#consumed) throw new TypeError('userfaultfd.faults() has a consumer already')
    this.#consumed = true
    const abort = (): void => this.#wake()
    signal?.addEventListener('abort', abort)
    try {
      while (this.status === 'open' && signal?.aborted !== true) {
        const wait = this.context.raw.scheduler.createWait(`userfaults of ${this.name}`)
        this.#wake = () => wait.wake()
        const fault = this.#pending.shift()
        if (fault === undefined) await wait.promise
        else yield fault
      }
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#consumed = false
    }
  }

  /**
   * Fills the pages of `range` with `bytes` (exactly as many), and wakes who waits for them. EEXIST
   * where a page is there already (`page` says which; those before it are filled), EINVAL for a part
   * of a huge page, ENOENT for what is not registered. `UFFDIO_COPY`
   */
  copy(
    range: VirtualRange,
    bytes: Uint8Array,
    options: Wait & { readonly writeProtect?: boolean } = {},
  ): Promise<void> {
    return this.#run('userfaultfd.copy', range, options, async () => {
      const size = range.pages * this.#space.pageSize
      if (checkUint8Array('bytes', bytes).length !== size) {
        throw new RangeError(`${bytes.length} bytes for ${range.pages} pages, which are ${size}`)
      }
      const most = COPY_BYTES / this.#space.pageSize
      for (let page = 0; page < range.pages; page += most) {
        const from = page * this.#space.pageSize
        const part = bytes.subarray(from, from + COPY_BYTES)
        await this.#copyPart(range, page, part, options.writeProtect ?? false)
      }
    })
  }

  /** Fills the pages with zeros: private ones by the zero page. Errors as `copy`. `UFFDIO_ZEROPAGE` */
  zeropage(range: VirtualRange, wait?: Wait): Promise<void> {
    return this.#run('userfaultfd.zeropage', range, wait, () =>
      this.#raw.zeropage(range.startPage, range.pages),
    )
  }

  /**
   * Write-protects the pages, there or not; or with `on: false` takes that back and wakes who waits.
   * ENOENT where that was not asked for. Raises PROTECTION_VMA. `UFFDIO_WRITEPROTECT`
   */
  writeProtect(range: VirtualRange, options: Wait & { readonly on?: boolean } = {}): Promise<void> {
    return this.#run('userfaultfd.writeProtect', range, options, () =>
      this.#raw.writeProtect(range.startPage, range.pages, options.on ?? true),
    )
  }

  /**
   * Moves the pages of `from`, private anonymous memory of the same rights anywhere in the process, to
   * `range`, where nothing is yet, and wakes who waits there; nothing is copied. Raises CLEAR over `from`.
   * EEXIST where a page is there already, ENOENT where there is none to move, EBUSY where somebody else has the
   * page (a child, whoever pins it, KSM), EFAULT where a device has it (`page` says which; those before it
   * are moved), EINVAL for other memory. `UFFDIO_MOVE`
   *
   * Nobody but the process may move its pages: on a kernel it cannot while it waits itself, and that is EBUSY
   * too. Serve its own touches by `copy`, or move ahead of them.
   */
  move(range: VirtualRange, from: VirtualRange, wait?: Wait): Promise<void> {
    return this.#run('userfaultfd.move', range, wait, async () => {
      checkRange(from, this.#space[RAW].pageShift)
      if (from.pages !== range.pages) {
        throw new RangeError(`${from.pages} pages do not move to a range of ${range.pages}`)
      }
      this.#space.capabilities.require('space.userfaultfd.move')
      await this.#raw.move!(range.startPage, from.startPage, range.pages)
    })
  }

  /**
   * Which pages of `range` were written since they were protected, by `writeProtect()` or by the scan before;
   * they are protected again. Only for `writeProtect: 'async'`: EINVAL otherwise. A page that is missing counts as written, until a scan
   * has marked it; of huge pages of a pool only whole ones that are there count. Raises PROTECTION_VMA over all of
   * `range`, and CLEAR where a huge page is to be split. `PAGEMAP_SCAN` with `PM_SCAN_WP_MATCHING`
   */
  scan(range: VirtualRange, wait?: Wait): Promise<boolean[]> {
    return this.#run('userfaultfd.scan', range, wait, async () => {
      if (!this.#asynchronous) {
        throw new HmmError('EINVAL', {
          message: 'this userfaultfd serves writes, and does not note them',
          hint: "Open it with { writeProtect: 'async' }.",
        })
      }
      const written = await this.#raw.scan!(range.startPage, range.pages)
      return Array.from(written, (each) => each !== 0)
    })
  }

  /** Who waits for a page of the range looks again, such as after EEXIST. `UFFDIO_WAKE` */
  wake(range: VirtualRange, wait?: Wait): Promise<void> {
    return this.#run('userfaultfd.wake', range, wait, () =>
      this.#raw.wake(range.startPage, range.pages),
    )
  }

  /** A failure names the page in `range`, not in the part. */
  async #copyPart(
    range: VirtualRange,
    first: number,
    bytes: Uint8Array,
    writeProtect: boolean,
  ): Promise<void> {
    try {
      await this.#raw.copy(range.startPage + first, bytes, writeProtect)
    } catch (error) {
      if (!HmmError.is(error) || error.page === undefined) throw error
      throw new HmmError(error.code, { ...error.details, page: first + error.page })
    }
  }

  protected async doClose(): Promise<void> {
    this.#wake()
    await this.#raw.close()
  }

  #deliver(fault: RawUserfault): void {
    const page = VirtualRange.fromPages(fault.page, 1, this.#space[RAW].pageShift)
    this.#pending.push({
      page,
      address: page.start,
      access: fault.write ? 'write' : 'read',
      kind: fault.writeProtect ? 'write-protect' : 'missing',
    })
    this.#wake()
  }

  #run<T>(
    op: string,
    range: VirtualRange,
    wait: Wait | undefined,
    run: () => Promise<T>,
  ): Promise<T> {
    const named = VirtualRange.is(range) ? range : undefined
    return bounded(this.context, op, named, wait, async () => {
      this.checkOpen(op)
      this.#space.checkAlive(op)
      checkRange(range, this.#space[RAW].pageShift)
      return run()
    })
  }
}

/** Bytes that a backend takes at once: a huge page of 2 MiB is filled as a whole. */
const COPY_BYTES = 2 * 2 ** 20
