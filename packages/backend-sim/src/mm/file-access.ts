import { HmmError } from '@hmm-sdk/hmm-api'
import { FRAME_DIRTY, FRAME_HWPOISON } from './frame-table.js'
import { DaxFile } from './dax-file.js'
import { HugetlbFile } from './hugetlb-file.js'
import type { Machine } from '../sim/machine.js'
import type { MemoryFile } from './memory-file.js'
import type { PageLogs } from './page-logs.js'
import { unmapMappingPages } from './unmap-mapping-pages.js'
import { logsOf } from './update-log.js'

/** `pread` of bytes that are all inside the file. */
export function readFile(machine: Machine, file: MemoryFile, offset: number, length: number) {
  const { frames } = machine
  const bytes = new Uint8Array(length)
  eachPage(machine, file, offset, length, (page, inPage, at, count) => {
    const frame = checkSound(machine, file.find(page))
    if (frame !== 0) frames.read(frame, inPage, bytes, at, count)
    watched(machine, file)?.read(page, inPage, bytes.subarray(at, at + count))
  })
  return bytes
}

/** `pwrite`, into the page cache: a hole gets a page, and whoever maps one sees it change. */
export function writeFile(
  machine: Machine,
  file: MemoryFile,
  offset: number,
  bytes: Uint8Array,
): void {
  const { frames } = machine
  if (file instanceof HugetlbFile) {
    throw new HmmError('EINVAL', {
      message: 'huge pages of a pool are written through mappings only',
      retryable: false,
    })
  }
  eachPage(machine, file, offset, bytes.length, (page, inPage, at, count) => {
    const filled = file instanceof DaxFile && file.isHole(page)
    const frame = checkSound(machine, file.findOrCreate(page))
    if (frame === 0) throw new HmmError('ENOMEM', { message: 'no memory for a page of the file' })
    watched(machine, file)?.written(page, inPage, bytes.subarray(at, at + count))
    frames.write(frame, inPage, bytes.subarray(at, at + count))
    frames.flags[frame]! |= FRAME_DIRTY
    if (filled) fillDaxHole(file, page)
  })
}

/** What shows zeros there does so no longer (`invalidate_inode_pages2_range`), if any was ever mapped. */
function fillDaxHole(file: DaxFile, page: number): void {
  if (file.entries.size === 0) return
  file.dropEntryAt(page)
  unmapMappingPages(file, page, page + 1)
}

/** The log of the file's accesses, if there is one. */
function watched({ scheduler }: Machine, file: MemoryFile): PageLogs | undefined {
  const watch = scheduler.explorer?.updates
  return watch && logsOf(file, watch)
}

/** The frame, unless its memory is broken. */
function checkSound({ frames }: Machine, frame: number): number {
  if ((frames.flags[frame]! & FRAME_HWPOISON) === 0) return frame
  throw new HmmError('EIO', { message: 'the memory of the page is broken', retryable: false })
}

function eachPage(
  { pageSize }: Machine,
  file: MemoryFile,
  offset: number,
  length: number,
  visit: (page: number, inPage: number, at: number, count: number) => void,
): void {
  if (offset + length > file.pages * pageSize) {
    throw new HmmError('EINVAL', { message: 'beyond the end of the file', retryable: false })
  }
  for (let at = 0; at < length;) {
    const inPage = (offset + at) % pageSize
    const count = Math.min(pageSize - inPage, length - at)
    visit((offset + at - inPage) / pageSize, inPage, at, count)
    at += count
  }
}
