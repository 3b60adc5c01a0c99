import type { UpdateWatch } from '../sim/scheduler.js'
import { isHugetlb } from './hugetlb.js'
import type { MemoryFile } from './memory-file.js'
import type { MemoryMap } from './memory-map.js'
import { PageLogs } from './page-logs.js'
import { pteMaps } from './rmap.js'
import { VM_MIXEDMAP, VM_PFNMAP } from './vma.js'

/**
 * Finds lost updates of what a process accesses (see `PageLogs`): of its private memory and what it
 * has written to private mappings of files by address, so that moving pages is no matter, and of shared memory by the place in the file behind it, so
 * that all who map the file are seen together. And a write of a device that succeeds and goes to a
 * page that the process has no more.
 *
 * Not watched: private huge pages of a pool, which others may take, and pages of drivers.
 */
export class UpdateLog {
  readonly #mm: MemoryMap
  readonly #watch: UpdateWatch
  readonly #own: PageLogs

  constructor(mm: MemoryMap, watch: UpdateWatch) {
    this.#mm = mm
    this.#watch = watch
    this.#own = new PageLogs(watch)
  }

  /** `bytes` were read. */
  read(page: number, offset: number, bytes: Uint8Array): void {
    const there = this.#place(page)
    there?.logs.read(there.page, offset, bytes)
  }

  /** `bytes` are about to be written by the device through `frame`, for which its mirror is linked. */
  writtenByDevice(page: number, offset: number, bytes: Uint8Array, frame: number): void {
    if (!pteMaps(this.#mm.tables.get(page), frame)) {
      this.#watch.report(
        'lost-update',
        'the device writes to a page that the process does not have there any more, and is told that all is well',
      )
    }
    this.written(page, offset, bytes)
  }

  /** `bytes` are about to be written. */
  written(page: number, offset: number, bytes: Uint8Array): void {
    const there = this.#place(page)
    there?.logs.written(there.page, offset, bytes)
  }

  /** The process gave up its private pages; what is in files stays. */
  forget(first: number, pages: number): void {
    this.#own.forget(first, pages)
  }

  /** The pages are somewhere else now (`mremap`). */
  move(from: number, to: number, pages: number): void {
    this.#own.move(from, to, pages)
  }

  #place(page: number): { readonly logs: PageLogs; readonly page: number } | undefined {
    const own = { logs: this.#own, page }
    if (this.#own.has(page)) return own
    const vma = this.#mm.vmas.find(page)
    if (vma?.file === undefined) return own
    if ((vma.flags & (VM_MIXEDMAP | VM_PFNMAP)) !== 0) return undefined
    // What is written to a private mapping of a file is the process's alone from then on.
    if (!vma.shared) return isHugetlb(vma) ? undefined : own
    return { logs: logsOf(vma.file, this.#watch), page: vma.offsetOf(page) }
  }
}

/** What is known of the accesses to a file, by mappings and by `pread` and `pwrite`. */
export function logsOf(file: MemoryFile, watch: UpdateWatch): PageLogs {
  file.updates ??= new PageLogs(watch)
  return file.updates
}
