import type { CapabilityTable } from '../capability.js'

/** Protection bits, as `PROT_*`. */
export const PROT_NONE = 0
export const PROT_READ = 1
export const PROT_WRITE = 2
export const PROT_EXEC = 4

/** What `madvise` takes: the `MADV_*` of the same name. */
export const ADVICE = [
  'dontneed',
  'free',
  'remove',
  'cold',
  'pageout',
  'willneed',
  'hugepage',
  'nohugepage',
  'collapse',
  'dontfork',
  'dofork',
  'guard-install',
  'guard-remove',
  'hwpoison',
  'soft-offline',
  'dontneed-locked',
] as const
export type Advice = (typeof ADVICE)[number]

export interface RawMmap {
  readonly pages: number
  /** `PROT_*` bits. */
  readonly protection: number
  readonly shared: boolean
  /** MAP_FIXED at this page number, which replaces what is there; anywhere if undefined. */
  readonly startPage: number | undefined
  /** The file to map, from `createFile` of this space or of one it was forked from. */
  readonly file: RawFile | undefined
  /** First page of the file. */
  readonly filePage: number
  /** MAP_POPULATE. */
  readonly populate: boolean
  /** MAP_GROWSDOWN: of private anonymous memory. */
  readonly growsDown?: boolean | undefined
  /** MAP_HUGETLB: log2 of the bytes of its huge pages; ordinary pages for 0. 0 with a file. */
  readonly hugetlb?: number
  /**
   * Pages of a driver, zeroed, all of them there: what its mmap gives by vm_insert_page, remap_pfn_range
   * (`io`), or vmf_insert_mixed (`bare`); the last two never to be written.
   */
  readonly driverPages?: DriverPages | undefined
}

/** How a driver's pages are mapped. */
export type DriverPages = 'inserted' | 'io' | 'bare'

export interface RawMremap {
  readonly startPage: number
  readonly pages: number
  readonly newPages: number
  /** MREMAP_MAYMOVE. */
  readonly mayMove: boolean
  /** MREMAP_FIXED target page. */
  readonly toPage: number | undefined
  /** MREMAP_DONTUNMAP. */
  readonly dontUnmap: boolean
}

/** A memory file (memfd) that can be mapped. */
export interface RawFile {
  readonly id: number
  /** ftruncate to this many pages. */
  truncate(pages: number): Promise<void>
  /** fallocate PUNCH_HOLE. */
  punchHole(page: number, pages: number): Promise<void>
  /** pread of bytes inside the file; EINVAL if some are beyond its end. */
  read(offset: number, length: number): Promise<Uint8Array>
  /** pwrite of bytes inside the file; EINVAL if some are beyond its end. */
  write(offset: number, bytes: Uint8Array): Promise<void>
  /** A breakpoint at a byte of it, in the mappings of the process that made the file. The capability `space.uprobe`. */
  uprobe?(offset: number): Promise<RawPin>
  /** fsync. Nothing to do if left out. */
  sync?(): Promise<void>
  close(): Promise<void>
}

export interface RawUserfaultfdRequest {
  readonly startPage: number
  readonly pages: number
  /** UFFDIO_REGISTER_MODE_MISSING. */
  readonly missing: boolean
  /** UFFDIO_REGISTER_MODE_WP, also of pages that are not there yet. */
  readonly writeProtect: boolean
  /** UFFD_FEATURE_WP_ASYNC: nobody serves writes to what is protected. */
  readonly asynchronous?: boolean | undefined
}

/** A touch that waits to be served (UFFD_EVENT_PAGEFAULT). */
export interface RawUserfault {
  readonly page: number
  readonly write: boolean
  /** It met write protection, not a missing page. */
  readonly writeProtect: boolean
}

/** A userfaultfd: every method is the UFFDIO_* of its name, and wakes who waits there. */
export interface RawUserfaultfd {
  /** Whole pages, at most 2 MiB; EEXIST with the index of the page that is there already. */
  copy(page: number, bytes: Uint8Array, writeProtect: boolean): Promise<void>
  zeropage(page: number, pages: number): Promise<void>
  /** Wakes only when it takes protection away. */
  writeProtect(page: number, pages: number, protect: boolean): Promise<void>
  wake(page: number, pages: number): Promise<void>
  /** UFFDIO_MOVE of pages `from`; an error in the middle names the index of the page. `space.userfaultfd.move`. */
  move?(page: number, from: number, pages: number): Promise<void>
  /**
   * PAGEMAP_SCAN with PM_SCAN_WP_MATCHING, of an asynchronous one: 1 for each page that was written since it was
   * protected; it is again. `space.userfaultfd.async`.
   */
  scan?(page: number, pages: number): Promise<Uint8Array>
  /** Unregisters everything; who waits goes on, and finds what memory is like without it. */
  close(): Promise<void>
}

/** Pages that somebody pins. They go on being pinned when the process unmaps them, not when it ends. */
export interface RawPin {
  close(): Promise<void>
}

/**
 * A process whose memory can be mirrored. Every method is the system call of its name, done by
 * that process; failures have the system call's errno. A CPU access that would raise SIGSEGV or
 * SIGBUS fails with EFAULT and leaves the process alive.
 *
 * After `exit`, `kill` or `exec` the old address space is gone: `onReleased` fires once when its
 * last user is, hmm-api refuses later calls with ESRCH.
 */
export interface RawAddressSpace {
  readonly id: number
  /** log2 of the page size. */
  readonly pageShift: number
  readonly capabilities: CapabilityTable
  /** First page number of the mapping. */
  mmap(request: RawMmap): Promise<number>
  munmap(startPage: number, pages: number): Promise<void>
  mprotect(startPage: number, pages: number, protection: number): Promise<void>
  /** First page number of the moved or resized mapping. */
  mremap(request: RawMremap): Promise<number>
  madvise(startPage: number, pages: number, advice: Advice): Promise<void>
  /** `hugetlb`: log2 of the bytes of its huge pages; ordinary pages for 0. */
  createFile(pages: number, hugetlb?: number): Promise<RawFile>
  /** `clear_refs` 4: from now on it is noted which pages are written. The capability `space.soft-dirty`. */
  clearSoftDirty?(): Promise<void>
  /** 1 for each page that was written since, or whose mapping is newer (`/proc/pid/pagemap`). */
  softDirty?(startPage: number, pages: number): Promise<Uint8Array>
  /**
   * `MADV_MERGEABLE`, and ksmd looks at all such memory until it has merged what it can. The capability
   * `space.ksm`.
   */
  mergePages?(startPage: number, pages: number): Promise<void>
  /** NUMA balancing scans the whole address space once or more (`task_numa_work`). `space.numa-scan`. */
  numaScan?(): Promise<void>
  /** mlock of it all, with everything faulted in; or munlock. The capability `space.mlock`. */
  mlock?(startPage: number, pages: number, lock: boolean): Promise<void>
  /**
   * Pins the pages, all or none: faulted in for writing and for long (FOLL_LONGTERM), or for reading and for a
   * while. EFAULT, ENOMEM; for long EOPNOTSUPP of persistent memory. The capability `space.pin`.
   */
  pin?(startPage: number, pages: number, longTerm: boolean): Promise<RawPin>
  /** `onFault` is called once for each touch that waits. The capability `space.userfaultfd`. */
  userfaultfd?(
    request: RawUserfaultfdRequest,
    onFault: (fault: RawUserfault) => void,
  ): Promise<RawUserfaultfd>
  /** A file in persistent memory, all of it allocated. The capability `space.dax`. */
  createDaxFile?(pages: number): Promise<RawFile>
  /** A file on a disk, all of it allocated, written and clean. The capability `space.disk`. */
  createDiskFile?(pages: number): Promise<RawFile>
  /**
   * SIGKILL, and the OOM reaper takes the private memory before the process gets to its end, which it does at
   * `kill` or `close` only. The capability `space.oom-reap`.
   */
  oomReap?(): Promise<void>
  /** A new process with a copy-on-write copy. */
  fork(name: string): Promise<RawAddressSpace>
  exec(): Promise<void>
  exit(status: number): Promise<void>
  /** SIGKILL. */
  kill(): Promise<void>
  /** CPU read of `length` bytes from byte `offset` of page `page`; may cross pages. */
  read(page: number, offset: number, length: number): Promise<Uint8Array>
  write(page: number, offset: number, bytes: Uint8Array): Promise<void>
  /** Atomic add to a 32-bit word, aligned to 4; the value before. */
  fetchAdd(page: number, offset: number, delta: number): Promise<number>
  /** Atomic compare-and-exchange of a 32-bit word, aligned to 4; the value before. */
  compareExchange(page: number, offset: number, expected: number, desired: number): Promise<number>
  /** Called once, when the last user of the address space is gone (mmu_notifier RELEASE). */
  onReleased(listener: () => void): void
  /** Ends the process if it still runs, and frees it. */
  close(): Promise<void>
}
