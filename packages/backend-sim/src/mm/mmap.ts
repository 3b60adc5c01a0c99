import { HmmError } from '@hmm-sdk/hmm-api'
import type { DriverPages } from '@hmm-sdk/hmm-api/raw'
import type { Operation } from '../sim/operation.js'
import { DaxFile } from './dax-file.js'
import type { HugePool } from './huge-pool.js'
import { FRAME_BUFFER } from './frame-table.js'
import { HugetlbFile, tooFew } from './hugetlb-file.js'
import { insertPages } from './insert-pages.js'
import { MemoryFile } from './memory-file.js'
import type { MemoryMap } from './memory-map.js'
import { unmapLocked } from './munmap.js'
import { populate } from './populate.js'
import { insertVma, mergeVma } from './vma-operations.js'
import { VM_ACCOUNT, VM_GROWSDOWN, VM_HUGETLB, VM_SHARED, VM_WRITE, Vma } from './vma.js'

export interface MmapRequest {
  readonly pages: number
  /** `PROT_*` bits, which are the same as `VM_*`. */
  readonly protection: number
  readonly shared: boolean
  readonly startPage: number | undefined
  readonly file: MemoryFile | undefined
  readonly filePage: number
  readonly populate: boolean
  /** MAP_GROWSDOWN. */
  readonly growsDown?: boolean | undefined
  /** Pages of a driver. */
  readonly driverPages?: DriverPages | undefined
  /** Where the huge pages of anonymous memory come from; ordinary pages if undefined. */
  readonly pool: HugePool | undefined
}

/** `mmap`: the first page of the new mapping. A fixed one replaces what is there (UNMAP event). */
export function* mmap(mm: MemoryMap, request: MmapRequest): Operation<number> {
  yield* mm.lock.write()
  try {
    const start = yield* place(mm, request)
    const vma = makeVma(mm, start, request)
    if (request.driverPages !== undefined) yield* driverMmap(mm, vma, request.driverPages)
    const merged = mergeVma(vma)
    for (const uprobe of request.file?.uprobes ?? []) yield* uprobe.mapped(merged)
    // Best effort: pages that cannot be had now are left to later faults.
    if (request.populate) yield* populate(mm, start, start + request.pages)
    return start
  } finally {
    mm.lock.releaseWrite()
  }
}

/** The driver's part; if it fails, nothing is mapped. */
function* driverMmap(mm: MemoryMap, vma: Vma, kind: DriverPages): Operation<void> {
  try {
    insertPages(vma, kind)
  } catch (error) {
    yield* unmapLocked(mm, vma.start, vma.end)
    throw error
  }
}

function* place(mm: MemoryMap, request: MmapRequest): Operation<number> {
  const { startPage: fixed, pages } = request
  if (fixed === undefined) {
    const block = mm.tables.leafPages
    if (request.file === undefined && !request.shared && pages % block === 0) {
      // Where its blocks can be huge pages (`thp_get_unmapped_area`).
      const start = mm.vmas.findGap(pages + block - 1, mm.low, mm.high)
      if (start >= 0) return start + ((block - (start & mm.tables.mask)) & mm.tables.mask)
    }
    const { file, filePage } = request
    if (file instanceof DaxFile && filePage + pages >= (Math.ceil(filePage / block) + 1) * block) {
      // Where its blocks can be mapped whole, if it has room for one.
      const start = mm.vmas.findGap(pages + block, mm.low, mm.high)
      if (start >= 0) return start + ((filePage + block - (start % block)) % block)
    }
    const huge = request.pool ?? (request.file as Partial<HugetlbFile> | undefined)?.pool
    const start = mm.vmas.findGap(pages, mm.low, mm.high, huge?.pages)
    if (start < 0) throw noSpace(pages)
    return start
  }
  if (fixed < mm.low) {
    throw new HmmError('EPERM', { message: `mappings begin at page ${mm.low} (mmap_min_addr)` })
  }
  if (fixed + pages > mm.high) throw noSpace(pages)
  yield* unmapLocked(mm, fixed, fixed + pages)
  return fixed
}

function makeVma(mm: MemoryMap, start: number, request: MmapRequest): Vma {
  const end = start + request.pages
  let flags = request.protection | (request.shared ? VM_SHARED : 0)
  if ((flags & (VM_SHARED | VM_WRITE)) === VM_WRITE) flags |= VM_ACCOUNT
  if (request.growsDown === true) flags |= VM_GROWSDOWN
  const { frames, reverseMap } = mm.machine
  let file = request.file
  if (file !== undefined) file.get()
  else if (request.pool !== undefined) {
    file = new HugetlbFile(frames, reverseMap, request.pages, request.pool)
  } else if (request.driverPages !== undefined) {
    file = new MemoryFile(frames, reverseMap, request.pages, FRAME_BUFFER)
  } else if (request.shared) file = new MemoryFile(frames, reverseMap, request.pages)
  const pgoff = file === undefined ? start : request.file === undefined ? 0 : request.filePage
  const vma = new Vma(mm, start, end, flags, file, pgoff)
  if (file instanceof HugetlbFile) promise(vma, file)
  insertVma(vma)
  return vma
}

/** `hugetlb_reserve_pages`: what the mapping may need is promised, or ENOMEM. */
function promise(vma: Vma, file: HugetlbFile): void {
  const { pool } = file
  const pages = vma.end - vma.start
  vma.flags = (vma.flags | VM_HUGETLB) & ~VM_ACCOUNT
  try {
    if (vma.shared) file.reserve(vma.pgoff, vma.pgoff + pages)
    else if (pool.reserve(pages / pool.pages)) vma.hugetlbReserve = new Set()
    else throw tooFew(pool, pages / pool.pages)
  } catch (error) {
    file.put()
    throw error
  }
  if ((vma.flags & VM_WRITE) !== 0) file.pages = Math.max(file.pages, vma.pgoff + pages)
}

function noSpace(pages: number): HmmError {
  return new HmmError('ENOMEM', { message: `no room for ${pages} pages in the address space` })
}
