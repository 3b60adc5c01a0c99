import { HmmError } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import { DaxFile } from './dax-file.js'
import { FRAME_ANON } from './frame-table.js'
import { filePart } from './file-part.js'
import { unmapHugetlbFile } from './hugetlb.js'
import { HugetlbFile } from './hugetlb-file.js'
import type { MemoryFile } from './memory-file.js'
import { zapRange, type KeepFrame } from './zap.js'

/**
 * `ftruncate` to `pages` pages: what lies beyond is unmapped everywhere (CLEAR events), private
 * copies too, and an access to it is SIGBUS from now on.
 */
export function* truncate(file: MemoryFile, pages: number): Operation<void> {
  if (file instanceof HugetlbFile) {
    yield* truncateHugetlb(file, pages)
    return
  }
  // Whether it grows or shrinks (`ext4_setattr`).
  if (file instanceof DaxFile) yield* breakLayout(file)
  const before = file.pages
  file.pages = pages
  if (pages >= before) return
  do yield* unmapMappingRange(file, pages, Infinity, true)
  while (
    // A part of a mapping that became one of its own meanwhile (`truncate_cleanup_folio`).
    file.mapped(pages, Infinity)
  )
  file.drop(pages, Infinity)
}

/** `fallocate(FALLOC_FL_PUNCH_HOLE)`: the pages read as zeros again; private copies stay. */
export function* punchHole(file: MemoryFile, page: number, pages: number): Operation<void> {
  if (file instanceof HugetlbFile) {
    yield* punchHugetlb(file, page, page + pages)
    return
  }
  if (file instanceof DaxFile) yield* breakLayout(file)
  do yield* unmapMappingRange(file, page, page + pages, false)
  while (
    // Who touched a page that another process still had brought it back (`truncate_cleanup_folio`).
    file.mapped(page, page + pages)
  )
  file.drop(page, page + pages)
}

/** `hugetlb_vmtruncate`. EINVAL for a part of a huge page. */
function* truncateHugetlb(file: HugetlbFile, pages: number): Operation<void> {
  if (pages % file.pool.pages !== 0) {
    throw new HmmError('EINVAL', {
      message: `the size is not in whole huge pages of ${file.pool.pages} pages`,
      retryable: false,
    })
  }
  file.pages = pages
  yield* unmapHugetlbFile(file, pages, Infinity)
  file.drop(pages, Infinity)
}

/** `hugetlbfs_punch_hole`: whole huge pages are freed, parts of others filled with zeros. */
function* punchHugetlb(file: HugetlbFile, start: number, end: number): Operation<void> {
  const { pages } = file.pool
  const from = Math.ceil(start / pages) * pages
  const to = Math.floor(end / pages) * pages
  if (to > from) yield* unmapHugetlbFile(file, from, to)
  for (let offset = start; offset < end; offset++) {
    if (offset === from && to > from) offset = to
    if (offset < end) file.zero(offset)
  }
  if (to > from) file.drop(from, to)
}

/**
 * Before a file in persistent memory is cut it waits for who uses its pages, which unmaps all of it
 * (`ext4_break_layouts`); private copies stay. What was mapped as pages may be mapped as blocks then.
 */
function* breakLayout(file: DaxFile): Operation<void> {
  for (;;) {
    yield* unmapMappingRange(file, 0, Infinity, false)
    if (!file.pinned) break
    yield file.unpinned.park()
  }
  if (file.forgetsEntries) file.dropEntries()
}

/** `unmap_mapping_range` of the file's pages `[first, end)`. */
function* unmapMappingRange(
  file: MemoryFile,
  first: number,
  end: number,
  copiesToo: boolean,
): Operation<void> {
  for (const { vma } of file.tree.overlaps(first, end - 1)) {
    const { mm } = vma
    const part = filePart(vma, first, end)
    if (part === undefined) continue
    const { frames } = mm.machine
    yield* mm.invalidateStartInPasses('clear', ...part)
    // What went meanwhile may be somebody else's now.
    const left = filePart(vma, first, end, part)
    const keep: KeepFrame = (frame) => (frames.flags[frame]! & FRAME_ANON) !== 0
    if (left !== undefined) yield* zapRange(mm, ...left, copiesToo ? undefined : keep)
    mm.invalidateEnd()
  }
}
