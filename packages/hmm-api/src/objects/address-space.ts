import type { VirtualAddress } from '../address/address.js'
import { VirtualRange } from '../address/virtual-range.js'
import { Capabilities, type CapabilityName } from '../capability.js'
import { HmmError } from '../error/hmm-error.js'
import { shown } from '../error/shown.js'
import {
  ADVICE,
  type Advice,
  type DriverPages,
  type RawAddressSpace,
} from '../raw/raw-address-space.js'
import type { RawCreatedWait } from '../raw/raw-scheduler.js'
import type { Backend } from './backend.js'
import type { Wait } from './context.js'
import {
  checkAddress,
  checkBytes,
  checkInteger,
  checkName,
  checkOptions,
  checkPages,
  checkRange,
  checkUint8Array,
} from './check.js'
import { checkHugePages, hugePageShift, type HugePageSize } from './huge-page-size.js'
import { MemoryFile } from './memory-file.js'
import { bounded } from '../sync/bounded.js'
import { Owned } from './owned.js'
import { protectionBits, type Protection } from './protection.js'
import { PinnedPages } from './pinned-pages.js'
import { RAW } from './raw-of.js'
import { Userfaultfd, type UserfaultfdOptions } from './userfaultfd.js'

/** What to map; see `mmap(2)`. */
export interface MmapOptions extends Wait {
  /** Number of pages, at least 1. */
  readonly pages: number
  /** `'rw'` if left out. */
  readonly protection?: Protection
  /** MAP_SHARED; private if left out. */
  readonly shared?: boolean
  /** MAP_FIXED: exactly here, replacing what is there. Page aligned. */
  readonly at?: VirtualAddress
  /** The file to map; anonymous memory if left out. */
  readonly file?: MemoryFile
  /** First page of the file, 0 if left out. */
  readonly filePage?: number
  /** MAP_POPULATE: fault all pages in. */
  readonly populate?: boolean
  /**
   * MAP_GROWSDOWN, as a stack: a touch of the CPU below it, where nothing is mapped, makes it longer, without an
   * event, up to 8 MiB (RLIMIT_STACK) and to 256 pages above what is mapped there and may be touched
   * (`stack_guard_gap`). A device that faults there finds a hole: EFAULT. Give `at`, with room below. Private
   * anonymous memory only.
   */
  readonly growsDown?: boolean
  /**
   * MAP_HUGETLB: memory in huge pages of that size, from the pool that the system reserved. `pages`
   * (ordinary ones, as everywhere), `at` and `filePage` are whole huge pages. Left out for a file,
   * which knows itself.
   */
  readonly hugetlb?: HugePageSize
  /**
   * Maps zeroed pages that belong to a driver, as `mmap` of a device file may give (VM_MIXEDMAP,
   * `vm_insert_page`): all of them are there from the beginning, they never move, and one that is unmapped
   * does not come back. Not for a file or hugetlb. Capability `space.driver-pages`.
   *
   * What no device may mirror: `'io'` is memory as of a device's registers (VM_IO, VM_PFNMAP, `remap_pfn_range`),
   * `'bare'` pages without a struct page (VM_MIXEDMAP, `vmf_insert_mixed`); the protection is one without `w`.
   */
  readonly driverPages?: boolean | 'io' | 'bare'
}

const MMAP_OPTIONS: readonly (keyof MmapOptions)[] = [
  'pages',
  'protection',
  'shared',
  'at',
  'file',
  'filePage',
  'populate',
  'growsDown',
  'hugetlb',
  'driverPages',
]

/** Pages that are pinned for a while at once: what a pipe holds. */
const MOST_SHORT_PAGES = 16

/** What pages of a driver are wanted, if any. */
function driverPagesOf({ driverPages, protection = 'rw' }: MmapOptions): DriverPages | undefined {
  if (driverPages === undefined || driverPages === false) return undefined
  if (driverPages === true) return 'inserted'
  if (driverPages !== 'io' && driverPages !== 'bare') {
    throw new TypeError(`driverPages ${shown(driverPages)} is not true, false, 'io' or 'bare'`)
  }
  if (protection.includes('w')) {
    throw new TypeError(
      `driverPages '${driverPages}' are never written: give a protection without w`,
    )
  }
  return driverPages
}

/** What some advice needs. */
const NEEDED_BY_ADVICE: Partial<Record<Advice, CapabilityName>> = {
  pageout: 'space.pageout',
  'guard-install': 'space.guard',
  'guard-remove': 'space.guard',
  hwpoison: 'space.memory-failure',
  'soft-offline': 'space.memory-failure',
}

/** How to resize or move a mapping; see `mremap(2)`. */
export interface MremapOptions extends Wait {
  /** New number of pages; the same if left out. */
  readonly pages?: number
  /** MREMAP_MAYMOVE; true if left out. */
  readonly mayMove?: boolean
  /** MREMAP_FIXED: the new place. Page aligned. */
  readonly to?: VirtualAddress
  /** MREMAP_DONTUNMAP: the old place stays mapped, empty. */
  readonly dontUnmap?: boolean
}

const MREMAP_OPTIONS: readonly (keyof MremapOptions)[] = ['pages', 'mayMove', 'to', 'dontUnmap']

/**
 * The process whose memory is mirrored, seen from its CPU side. Every method is the system call of
 * its name, done by that process; its failure has the system call's errno.
 *
 * Every method takes `signal` and `deadlineMs`: it then fails with EINTR or ETIMEDOUT, while the system
 * call goes on in the process; what it makes after that is unmade.
 *
 * All methods fail with EBADF after `close()`, with ESRCH after the process is gone, and take
 * ranges of this space only. CPU accesses that would raise SIGSEGV or SIGBUS fail with EFAULT.
 */
export class AddressSpace extends Owned {
  readonly [RAW]: RawAddressSpace
  readonly capabilities: Capabilities
  readonly #backend: Backend
  readonly #releases = new Set<() => void>()
  readonly #released: RawCreatedWait
  #gone: 'exit' | 'exec' | 'kill' | 'reaped' | 'released' | undefined
  #isReleased = false

  /** @internal */
  constructor(backend: Backend, raw: RawAddressSpace, name: string) {
    super(backend.context, backend, 'address-space', name)
    this[RAW] = raw
    this.#backend = backend
    this.capabilities = new Capabilities(`address space '${name}'`, raw.capabilities)
    const wait = this.context.raw.scheduler.createWait(`release of ${name}`)
    this.#released = wait
    raw.onReleased(() => {
      this.#isReleased = true
      this.#gone ??= 'released'
      for (const listener of this.#releases) listener()
      wait.wake()
    })
  }

  /** Resolves after the last user of the address space is gone (mmu_notifier RELEASE). */
  get released(): Promise<void> {
    return this.#released.promise
  }

  /** Whether the last user of the address space is gone. */
  get isReleased(): boolean {
    return this.#isReleased
  }

  /** Size of a page in bytes. */
  get pageSize(): number {
    return 2 ** this[RAW].pageShift
  }

  /**
   * Maps memory. Errors: EINVAL, ENOMEM (also: too few huge pages in the pool), EACCES (file),
   * RangeError for an unaligned `at` and for a part of a huge page. `mmap(2)`
   */
  mmap(options: MmapOptions): Promise<VirtualRange> {
    return this.#run(
      'space.mmap',
      undefined,
      options,
      async () => {
        checkOptions('space.mmap', options, MMAP_OPTIONS)
        const pages = checkPages('pages', options.pages)
        const at = this.#fixed(options.at, pages)
        if (options.file !== undefined) this.#need('space.file')
        options.file?.checkOpen('space.mmap')
        const hugetlb = this.#hugetlb(options.hugetlb)
        if (hugetlb !== undefined && options.file !== undefined) {
          throw new TypeError('hugetlb is for anonymous memory: a file knows its pages itself')
        }
        const { growsDown = false, shared = false } = options
        const driverPages = driverPagesOf(options)
        const others = [hugetlb, options.file, driverPages].some((each) => each !== undefined)
        if (growsDown && (shared || others)) {
          throw new TypeError('growsDown is for private anonymous memory')
        }
        if (driverPages !== undefined) {
          this.#need('space.driver-pages')
          if (hugetlb !== undefined || options.file !== undefined) {
            throw new TypeError('driverPages are neither of a file nor of a pool of huge pages')
          }
          const limits = this.capabilities.require('space.driver-pages')
          checkInteger('pages', pages, 1, limits['pages'])
        }
        const filePage = checkInteger('filePage', options.filePage ?? 0, 0)
        const huge = hugetlb ?? options.file?.hugetlb
        if (huge !== undefined) {
          checkHugePages(huge, this[RAW].pageShift, { pages, at, filePage })
        }
        const startPage = await this[RAW].mmap({
          pages,
          protection: protectionBits(options.protection ?? 'rw'),
          shared,
          startPage: at,
          file: options.file?.[RAW],
          filePage,
          populate: options.populate ?? false,
          growsDown,
          hugetlb: hugePageShift(hugetlb),
          driverPages,
        })
        return VirtualRange.fromPages(startPage, pages, this[RAW].pageShift)
      },
      (late) => this[RAW].munmap(late.startPage, late.pages),
    )
  }

  /** Unmaps the range; holes in it are fine. Raises UNMAP. `munmap(2)` */
  munmap(range: VirtualRange, wait?: Wait): Promise<void> {
    return this.#ranged('space.munmap', range, wait, () =>
      this[RAW].munmap(range.startPage, range.pages),
    )
  }

  /** Changes protection. ENOMEM if the range has a hole. Raises PROTECTION_VMA. `mprotect(2)` */
  mprotect(range: VirtualRange, protection: Protection, wait?: Wait): Promise<void> {
    return this.#ranged('space.mprotect', range, wait, async () =>
      this[RAW].mprotect(range.startPage, range.pages, protectionBits(protection)),
    )
  }

  /**
   * Resizes or moves a mapping; the new range. Raises UNMAP over the old range when it moves.
   * Errors: EFAULT (no such mapping), ENOMEM (cannot grow in place), EINVAL. `mremap(2)`
   */
  mremap(range: VirtualRange, options: MremapOptions = {}): Promise<VirtualRange> {
    return this.#ranged('space.mremap', range, options, async () => {
      checkOptions('space.mremap', options, MREMAP_OPTIONS)
      this.#need('space.mremap')
      const newPages = checkPages('pages', options.pages ?? range.pages)
      const toPage = this.#fixed(options.to, newPages)
      const startPage = await this[RAW].mremap({
        startPage: range.startPage,
        pages: range.pages,
        newPages,
        mayMove: options.mayMove ?? true,
        toPage,
        dontUnmap: options.dontUnmap ?? false,
      })
      return VirtualRange.fromPages(startPage, newPages, range.pageShift)
    })
  }

  /** Gives advice. ENOMEM for a hole, EINVAL where it does not apply. `madvise(2)` */
  madvise(range: VirtualRange, advice: Advice, wait?: Wait): Promise<void> {
    return this.#ranged('space.madvise', range, wait, async () => {
      if (!ADVICE.includes(advice)) {
        throw new TypeError(`advice ${shown(advice)} is not one of ${ADVICE.join(', ')}`)
      }
      const needed = NEEDED_BY_ADVICE[advice]
      if (needed !== undefined) this.#need(needed)
      await this[RAW].madvise(range.startPage, range.pages, advice)
    })
  }

  /**
   * A memory file of `pages` zeroed pages, to map in this process and its children; with `hugetlb` in
   * huge pages (memfd_create(2)), with `dax` in persistent memory, which is mapped itself, without a
   * page cache, in huge pages where it can be (`punchHole` makes holes in it); with `disk` on a disk: its
   * shared mappings are read-only until the next write each time it was written back (`sync`).
   */
  createFile(
    options: {
      readonly pages: number
      readonly name?: string
      readonly hugetlb?: HugePageSize
      readonly dax?: boolean
      readonly disk?: boolean
    } & Wait,
  ): Promise<MemoryFile> {
    return this.#run(
      'space.createFile',
      undefined,
      options,
      async () => {
        this.#need('space.file')
        const pages = checkPages('pages', options.pages)
        const hugetlb = this.#hugetlb(options.hugetlb)
        if (hugetlb !== undefined) checkHugePages(hugetlb, this[RAW].pageShift, { pages })
        if (options.dax === true) {
          this.#need('space.dax')
          if (hugetlb !== undefined || options.disk === true) {
            throw new TypeError('a file is dax, hugetlb or on a disk: one of them')
          }
          const raw = await this[RAW].createDaxFile!(pages)
          return new MemoryFile(this, raw, { name: options.name ?? `file ${raw.id}`, hugetlb })
        }
        if (options.disk === true) {
          this.#need('space.disk')
          if (hugetlb !== undefined) throw new TypeError('a file is on a disk or hugetlb, not both')
          const raw = await this[RAW].createDiskFile!(pages)
          return new MemoryFile(this, raw, { name: options.name ?? `file ${raw.id}`, hugetlb })
        }
        const raw = await this[RAW].createFile(pages, hugePageShift(hugetlb))
        return new MemoryFile(this, raw, { name: options.name ?? `file ${raw.id}`, hugetlb })
      },
      (late) => late.close(),
    )
  }

  /**
   * From now on it is noted which pages the process writes. Raises SOFT_DIRTY over everything, and makes
   * all pages read-only until the next write. `/proc/pid/clear_refs`, 4
   */
  clearSoftDirty(wait?: Wait): Promise<void> {
    return this.#run('space.clearSoftDirty', undefined, wait, async () => {
      this.#need('space.soft-dirty')
      await this[RAW].clearSoftDirty!()
    })
  }

  /**
   * Which pages of `range` the CPU wrote since `clearSoftDirty`; pages of a mapping that is newer count
   * as written. What a device writes is not noted. `/proc/pid/pagemap`
   */
  softDirty(range: VirtualRange, wait?: Wait): Promise<boolean[]> {
    return this.#run(
      'space.softDirty',
      VirtualRange.is(range) ? range : undefined,
      wait,
      async () => {
        checkRange(range, this[RAW].pageShift)
        this.#need('space.soft-dirty')
        const dirty = await this[RAW].softDirty!(range.startPage, range.pages)
        return Array.from(dirty, (each) => each !== 0)
      },
    )
  }

  /**
   * All of `range` is there from now on and stays: it is faulted in, private writable memory for writing, is
   * never reclaimed, and takes no advice that drops pages but `'dontneed-locked'`. It may still move, so mirrors
   * hear of that. No event of its own; a page that faulting in copies raises CLEAR, and so does a private page
   * that becomes writable later (`mprotect`). A child of a fork locks nothing. ENOMEM for a hole, and for a page that
   * cannot be had (the rest is locked all the same); EAGAIN without memory; ENOMEM and EPERM beyond RLIMIT_MEMLOCK.
   * `mlock(2)`
   */
  mlock(range: VirtualRange, wait?: Wait): Promise<void> {
    return this.#ranged('space.mlock', range, wait, async () => {
      this.#need('space.mlock')
      await this[RAW].mlock!(range.startPage, range.pages, true)
    })
  }

  /** Ends `mlock` for `range`. No event. ENOMEM for a hole. `munlock(2)` */
  munlock(range: VirtualRange, wait?: Wait): Promise<void> {
    return this.#ranged('space.munlock', range, wait, async () => {
      this.#need('space.mlock')
      await this[RAW].mlock!(range.startPage, range.pages, false)
    })
  }

  /**
   * Merges the pages of `range` whose contents are equal, with each other and with what was given here
   * before: they become one page, read-only, and the next write copies. Huge pages are split first; pages
   * that somebody pins stay. Raises CLEAR when a page is write-protected, and when it is replaced. EINVAL for
   * a part of a page, ENOMEM for a hole, EBUSY when ksmd does not come. `MADV_MERGEABLE`, `ksmd`
   */
  mergePages(range: VirtualRange, wait?: Wait): Promise<void> {
    return this.#ranged('space.mergePages', range, wait, async () => {
      this.#need('space.ksm')
      await this[RAW].mergePages!(range.startPage, range.pages)
    })
  }

  /**
   * NUMA balancing asks who uses the memory of the process: its pages lose their rights, and whoever touches
   * one next takes a fault that gives them back. A range fault does so too; a snapshot finds nothing there.
   * Raises PROTECTION_VMA over memory that can move to another node; read-only files, huge pages of a pool and
   * persistent memory are left out. EBUSY when the scheduler does not scan. `task_numa_work`
   */
  numaScan(wait?: Wait): Promise<void> {
    return this.#run('space.numaScan', undefined, wait, async () => {
      this.#need('space.numa-scan')
      await this[RAW].numaScan!()
    })
  }

  /**
   * Pins the pages of `range`, as whoever does I/O to process memory does: they are faulted in for
   * writing, come back from a device, and do not move, swap or merge until this is closed. All or none.
   * EFAULT for a hole and for read-only memory. `pin_user_pages(FOLL_LONGTERM)`
   *
   * With `longTerm: false` for a while, to be read, as `vmsplice(2)` does: at most 16 pages, also of persistent
   * memory, where pinning for long is EOPNOTSUPP. Who cuts such a file waits until they are free.
   */
  pin(
    range: VirtualRange,
    options: { readonly longTerm?: boolean } & Wait = {},
  ): Promise<PinnedPages> {
    return this.#run(
      'space.pin',
      VirtualRange.is(range) ? range : undefined,
      options,
      async () => {
        checkRange(range, this[RAW].pageShift)
        checkOptions('space.pin', options, ['longTerm'])
        this.#need('space.pin')
        const { longTerm = true } = options
        if (!longTerm) checkInteger('pages', range.pages, 1, MOST_SHORT_PAGES)
        const raw = await this[RAW].pin!(range.startPage, range.pages, longTerm)
        return new PinnedPages(this, range, raw)
      },
      (late) => late.close(),
    )
  }

  /**
   * Lets somebody else serve page faults of `range`. EINVAL if nothing is mapped there, or only a part
   * of a huge page, EBUSY if another userfaultfd has a part of it. `userfaultfd(2)`
   */
  userfaultfd(range: VirtualRange, options: UserfaultfdOptions): Promise<Userfaultfd> {
    return this.#run(
      'space.userfaultfd',
      VirtualRange.is(range) ? range : undefined,
      options,
      async () => {
        checkRange(range, this[RAW].pageShift)
        checkOptions('space.userfaultfd', options, ['missing', 'writeProtect'])
        this.#need('space.userfaultfd')
        const { missing = false, writeProtect = false } = options
        if (writeProtect !== false && writeProtect !== true && writeProtect !== 'async') {
          throw new TypeError(`writeProtect ${String(writeProtect)} is not true, false or 'async'`)
        }
        const asynchronous = writeProtect === 'async'
        if (asynchronous) this.#need('space.userfaultfd.async')
        const protects = writeProtect !== false
        if (!missing && !protects) {
          throw new TypeError('ask for missing or writeProtect: a userfaultfd serves one at least')
        }
        return Userfaultfd.open(this, range, {
          missing,
          writeProtect: protects,
          asynchronous,
        })
      },
      (late) => late.close(),
    )
  }

  /** A child process with a copy-on-write copy. Raises PROTECTION_PAGE here. `fork(2)` */
  fork(options: { readonly name?: string } & Wait = {}): Promise<AddressSpace> {
    const name = options.name ?? `${this.name}/child`
    return this.#run(
      'space.fork',
      undefined,
      options,
      async () => {
        checkOptions('space.fork', options, ['name'])
        checkName(name)
        this.#need('space.fork')
        return new AddressSpace(this.#backend, await this[RAW].fork(name), name)
      },
      (late) => late.close(),
    )
  }

  /** Replaces the program: this address space ends as on exit. `execve(2)` */
  exec(wait?: Wait): Promise<void> {
    return this.#run('space.exec', undefined, wait, async () => {
      this.#need('space.exec')
      this.#gone = 'exec'
      await this[RAW].exec()
    })
  }

  /** Ends the process; `released` follows its last user. `exit(2)` */
  exit(status = 0, wait?: Wait): Promise<void> {
    return this.#run('space.exit', undefined, wait, async () => {
      checkInteger('status', status, 0, 255)
      this.#gone = 'exit'
      await this[RAW].exit(status)
    })
  }

  /** Ends the process by SIGKILL. */
  kill(wait?: Wait): Promise<void> {
    const kill = async (): Promise<void> => {
      if (this.#gone !== 'reaped') this.checkAlive('space.kill')
      this.#gone = 'kill'
      await this[RAW].kill()
    }
    return bounded(this.context, 'space.kill', undefined, wait, kill)
  }

  /**
   * The process is killed for lack of memory, and does not get to its end before the OOM reaper takes its
   * private memory; it does at `kill()` or `close()`. Raises CLEAR (UNMAP on Linux 6.12) that may not wait
   * (`blockable` is false) over each mapping; a mapping whose notifier would have to wait is left alone. From now on every
   * call but those two fails with ESRCH, and no mirror can fault anything in: EFAULT. `process_mrelease(2)`
   */
  oomReap(wait?: Wait): Promise<void> {
    return this.#run('space.oomReap', undefined, wait, async () => {
      this.#need('space.oom-reap')
      await this[RAW].oomReap!()
      this.#gone ??= 'reaped'
    })
  }

  /** CPU read of `length` bytes at `address`; may cross pages. EFAULT for SIGSEGV and SIGBUS. */
  read(address: VirtualAddress, length: number, wait?: Wait): Promise<Uint8Array> {
    return this.#run('space.read', undefined, wait, async () => {
      checkBytes('length', length)
      const { page, offset } = this.#split(address, length)
      return this[RAW].read(page, offset, length)
    })
  }

  /** CPU write at `address`; may cross pages. EFAULT for SIGSEGV and SIGBUS. */
  write(address: VirtualAddress, bytes: Uint8Array, wait?: Wait): Promise<void> {
    return this.#run('space.write', undefined, wait, async () => {
      checkBytes('bytes.length', checkUint8Array('bytes', bytes).length)
      const { page, offset } = this.#split(address, bytes.length)
      await this[RAW].write(page, offset, bytes)
    })
  }

  /** CPU atomic add to the 32-bit word at `address` (aligned to 4); the value before, unsigned. */
  fetchAdd(address: VirtualAddress, delta: number, wait?: Wait): Promise<number> {
    return this.#run('space.fetchAdd', undefined, wait, async () => {
      const { page, offset } = this.#word(address)
      return this[RAW].fetchAdd(page, offset, checkInteger('delta', delta, -(2 ** 31), 2 ** 32 - 1))
    })
  }

  /** CPU compare-and-exchange of the 32-bit word at `address` (aligned to 4); the value before. */
  compareExchange(
    address: VirtualAddress,
    expected: number,
    desired: number,
    wait?: Wait,
  ): Promise<number> {
    return this.#run('space.compareExchange', undefined, wait, async () => {
      const { page, offset } = this.#word(address)
      checkInteger('expected', expected, 0, 2 ** 32 - 1)
      checkInteger('desired', desired, 0, 2 ** 32 - 1)
      return this[RAW].compareExchange(page, offset, expected, desired)
    })
  }

  /** @internal Calls `listener` when the space is released; returns its removal. */
  onReleased(listener: () => void): () => void {
    this.#releases.add(listener)
    return () => this.#releases.delete(listener)
  }

  /** @internal ESRCH when the process is gone. */
  checkAlive(op: string): void {
    this.checkOpen(op)
    if (this.#gone === undefined) return
    throw new HmmError('ESRCH', {
      op,
      backend: this.context.raw.name,
      message: `the process of address space '${this.name}' is gone (${this.#gone})`,
      hint: 'A mirror does not keep a process alive: drop what belongs to it.',
    })
  }

  protected doClose(): Promise<void> {
    return this[RAW].close()
  }

  #run<T>(
    op: string,
    range: VirtualRange | undefined,
    wait: Wait | undefined,
    run: () => Promise<T>,
    discard?: (late: T) => unknown,
  ): Promise<T> {
    const alive = (): Promise<T> => {
      this.checkAlive(op)
      return run()
    }
    return bounded(this.context, op, range, wait, alive, discard)
  }

  #ranged<T>(
    op: string,
    range: VirtualRange,
    wait: Wait | undefined,
    run: () => Promise<T>,
  ): Promise<T> {
    return this.#run(op, VirtualRange.is(range) ? range : undefined, wait, () => {
      checkRange(range, this[RAW].pageShift)
      return run()
    })
  }

  #need(name: CapabilityName): void {
    this.capabilities.require(name)
  }

  /** The size of huge pages, checked; undefined for ordinary pages. */
  #hugetlb(size: HugePageSize | undefined): HugePageSize | undefined {
    if (size === undefined) return undefined
    hugePageShift(size)
    this.#need(size === '1G' ? 'space.hugetlb.1g' : 'space.hugetlb')
    return size
  }

  #fixed(address: VirtualAddress | undefined, pages: number): number | undefined {
    if (address === undefined) return undefined
    return VirtualRange.of(checkAddress('VirtualAddress', address), pages, this[RAW].pageShift)
      .startPage
  }

  #split(address: VirtualAddress, length: number): { page: number; offset: number } {
    if (checkAddress('VirtualAddress', address) + BigInt(length) > 1n << 64n) {
      throw new RangeError(`${length} bytes at 0x${address.toString(16)} wrap around`)
    }
    const size = BigInt(this.pageSize)
    return { page: Number(address / size), offset: Number(address % size) }
  }

  #word(address: VirtualAddress): { page: number; offset: number } {
    this.#need('space.atomics')
    const word = this.#split(address, 4)
    if (word.offset % 4 !== 0) {
      throw new RangeError(`address 0x${address.toString(16)} of a 32-bit word is not aligned to 4`)
    }
    return word
  }
}
