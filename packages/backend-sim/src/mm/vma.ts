import type { Interval } from './interval-tree.js'
import type { AnonLink, AnonVma } from './anon-vma.js'
import type { MemoryFile } from './memory-file.js'
import type { MemoryMap } from './memory-map.js'
import type { Userfaultfd } from './userfaultfd.js'

/** `vm_flags`; the first three are the `PROT_*` bits. */
export const VM_READ = 1
export const VM_WRITE = 2
export const VM_EXEC = 4
export const VM_SHARED = 8
export const VM_DONTFORK = 16
export const VM_IO = 32
export const VM_PFNMAP = 64
/** Advice about transparent huge pages. */
export const VM_HUGEPAGE = 128
export const VM_NOHUGEPAGE = 256
/** Its memory counts as promised: private and writable, or once writable. */
export const VM_ACCOUNT = 512
/** In huge pages of a pool (hugetlb); `file` is a HugetlbFile. */
export const VM_HUGETLB = 1024
/** A userfaultfd serves touches of what is missing, writes to what it protects. */
export const VM_UFFD_MISSING = 2048
export const VM_UFFD_WP = 4096
/** Pages of a driver; what is missing is not made (`vm_insert_page`). */
export const VM_MIXEDMAP = 8192
/** With VM_MIXEDMAP: its pages have no struct page, as far as the mapping says (`vmf_insert_mixed`). */
export const VM_BARE = 16384
/** ksmd looks for its pages' equals (`MADV_MERGEABLE`). */
export const VM_MERGEABLE = 32768
/** All of it is there and stays (`mlock`). */
export const VM_LOCKED = 65536
/** A touch of the CPU just below makes it longer (`MAP_GROWSDOWN`). */
export const VM_GROWSDOWN = 131072
export const VM_UFFD = VM_UFFD_MISSING | VM_UFFD_WP
export const VM_ACCESS = VM_READ | VM_WRITE | VM_EXEC

/** A mapping of adjoining pages with equal rights: `struct vm_area_struct`, in pages. */
export class Vma {
  mm: MemoryMap
  start: number
  /** Exclusive. */
  end: number
  flags: number
  /** Undefined for anonymous private memory. */
  file: MemoryFile | undefined
  /** Page of the file at `start`; for anonymous memory the page number at which it was made. */
  pgoff: number
  /** The page number at which it was made, also for private file mappings (`__vm_anon_pgoff`). */
  #anonPgoff: number
  /** Where its new anonymous pages belong; undefined until the first. */
  anonVma: AnonVma | undefined
  /** Where it is found, the latest first. */
  anonLinks: AnonLink[] = []
  /**
   * Of private huge memory, for who mapped it: which huge pages of the file were promised and are
   * used up. Who has it from a fork was promised nothing.
   */
  hugetlbReserve: Set<number> | undefined
  /** A fork's parent took huge pages back: what is missing now must not read as zeros. */
  hugetlbLost = false
  /** All of it counts as written since somebody began to watch: it is newer (`VM_SOFTDIRTY`). */
  softDirty = true
  /** Guards were put into it, and may be there still (`VM_MAYBE_GUARD`). */
  maybeGuarded = false
  /** Who serves its faults, if `flags` has one of VM_UFFD. */
  userfaultfd: Userfaultfd | undefined
  /** Its entry in the reverse map of the file, at the offsets it then had. */
  fileEntry: VmaEntry | undefined

  constructor(
    mm: MemoryMap,
    start: number,
    end: number,
    flags: number,
    file: MemoryFile | undefined,
    pgoff: number,
    anonPgoff = start,
  ) {
    this.mm = mm
    this.start = start
    this.end = end
    this.flags = flags
    this.file = file
    this.pgoff = pgoff
    this.#anonPgoff = anonPgoff
  }

  /** Where its first page is among anonymous pages (`vma_start_anon_pgoff`). */
  get anonPgoff(): number {
    if (this.file === undefined || (this.flags & VM_HUGETLB) !== 0) return this.pgoff
    return this.mm.machine.kernel.anonOffsets ? this.#anonPgoff : this.pgoff
  }

  /** Moves the first page: what stays in the mapping keeps its places. */
  setStart(start: number): void {
    this.pgoff += start - this.start
    this.#anonPgoff += start - this.start
    this.start = start
  }

  /** Puts the mapping elsewhere, with these places; without pages of its own it starts afresh. */
  moveTo(start: number, pgoff: number, anonPgoff: number): void {
    this.start = start
    this.#anonPgoff = anonPgoff
    this.pgoff = this.file === undefined ? anonPgoff : pgoff
  }

  /** No page was ever made in it: the places are those of its address (`dontunmap_complete`). */
  startAfresh(): void {
    this.#anonPgoff = this.start
    if (this.file === undefined) this.pgoff = this.start
  }

  get shared(): boolean {
    return (this.flags & VM_SHARED) !== 0
  }

  /** Private anonymous memory (`vma_is_anonymous`). */
  get anonymous(): boolean {
    return this.file === undefined
  }

  /** Offset of `page` in the file or AnonVma (`linear_page_index`). */
  offsetOf(page: number): number {
    return page - this.start + this.pgoff
  }

  /** Place of a new anonymous page at `page` (`linear_anon_page_index`). */
  anonOffsetOf(page: number): number {
    return page - this.start + this.anonPgoff
  }
}

/** A mapping in a reverse map: which offsets of it are mapped. */
export class VmaEntry implements Interval {
  readonly first: number
  readonly last: number

  /** `first`: of its anonymous pages, or of the file. */
  constructor(
    readonly vma: Vma,
    first: number,
  ) {
    this.first = first
    this.last = first + (vma.end - vma.start) - 1
  }

  /** The page at an offset, one of those that were mapped when this was made; undefined beyond. */
  pageAt(offset: number): number | undefined {
    const page = offset - this.first + this.vma.start
    return page >= this.vma.start && page < this.vma.end ? page : undefined
  }
}
