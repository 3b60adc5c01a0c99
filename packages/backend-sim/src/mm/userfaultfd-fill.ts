import { HmmError } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import { anonPrepare } from './anon-prepare.js'
import { FRAME_ANON, FRAME_EXCLUSIVE, ZERO_FRAME } from './frame-table.js'
import { isHugetlb } from './hugetlb.js'
import { fillHugetlb } from './hugetlb-fault.js'
import {
  isUserfaultMarker,
  PTE_PRESENT,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_WRITTEN,
  PTE_YOUNG,
} from './pte.js'
import { alreadyThere } from './already-there.js'
import { protectUserfault } from './userfaultfd-protect.js'
import type { Userfaultfd } from './userfaultfd.js'
import { VM_UFFD_WP, VM_WRITE, type Vma } from './vma.js'

/**
 * `UFFDIO_COPY`: puts `bytes`, whole pages, where nothing is yet, write-protected if asked for; wakes
 * who waits. What was there before a failing page stays filled. No event.
 */
export function* userfaultCopy(
  context: Userfaultfd,
  page: number,
  bytes: Uint8Array,
  writeProtect: boolean,
): Operation<void> {
  const { mm } = context
  const { pageSize } = mm.machine
  const pages = bytes.length / pageSize
  yield* fill(context, page, pages, writeProtect, (vma, index) => {
    if (isHugetlb(vma)) return fillHugetlb(vma, page, index, bytes, writeProtect)
    const part = bytes.subarray(index * pageSize, (index + 1) * pageSize)
    fillPage(vma, page, index, part, writeProtect)
    return 1
  })
}

/** `UFFDIO_ZEROPAGE`: the zero page for private memory, a new page for shared. No event. */
export function* userfaultZero(context: Userfaultfd, page: number, pages: number): Operation<void> {
  const { mm } = context
  yield* fill(context, page, pages, false, (vma, index) => {
    if (isHugetlb(vma)) {
      throw new HmmError('EINVAL', {
        message: 'huge pages of a pool have no zero page',
        hint: 'Copy zeros instead.',
        retryable: false,
      })
    }
    if (vma.shared) fillPage(vma, page, index, undefined, false)
    else {
      if (mm.tables.get(page + index) !== 0) throw alreadyThere(index)
      mm.tables.set(page + index, PTE_PRESENT | PTE_SPECIAL | PTE_YOUNG | ZERO_FRAME)
    }
    return 1
  })
}

/** `UFFDIO_WRITEPROTECT`. ENOENT where the range is not registered for it. PROTECTION_VMA */
export function* userfaultProtect(
  context: Userfaultfd,
  start: number,
  end: number,
  protect: boolean,
): Operation<void> {
  const { mm } = context
  yield* mm.lock.read()
  try {
    const vmas = mm.vmas.overlapping(start, end)
    if (vmas.length === 0) throw notRegistered()
    for (const vma of vmas) {
      if ((vma.flags & VM_UFFD_WP) === 0) throw notRegistered()
      yield* protectUserfault(vma, Math.max(start, vma.start), Math.min(end, vma.end), protect)
    }
  } finally {
    mm.lock.releaseRead()
  }
  if (!protect) context.wake(start, end)
}

/** `one` fills from a page on and says how many. What it filled before it fails is woken. */
function* fill(
  context: Userfaultfd,
  page: number,
  pages: number,
  writeProtect: boolean,
  one: (vma: Vma, index: number) => number,
): Operation<void> {
  const { mm } = context
  let done = 0
  yield* mm.lock.read()
  try {
    const vma = mm.vmas.find(page)
    if (vma?.userfaultfd === undefined || page + pages > vma.end) throw notRegistered()
    if (writeProtect && (vma.flags & VM_UFFD_WP) === 0) {
      throw new HmmError('EINVAL', {
        message: 'the range is not registered for write protection',
        retryable: false,
      })
    }
    while (done < pages) done += one(vma, done)
  } finally {
    mm.lock.releaseRead()
    if (done > 0) context.wake(page, page + done)
  }
}

function fillPage(
  vma: Vma,
  start: number,
  index: number,
  bytes: Uint8Array | undefined,
  writeProtect: boolean,
): void {
  const { mm } = vma
  const { frames } = mm.machine
  const page = start + index
  const offset = vma.offsetOf(page)
  if (vma.file !== undefined && offset >= vma.file.pages) {
    throw new HmmError('EFAULT', { message: 'beyond the end of the file', retryable: false })
  }
  mm.tables.ensureLeaf(page)
  const pte = mm.tables.get(page)
  if (pte !== 0 && !isUserfaultMarker(pte)) throw alreadyThere(index)
  const shared = vma.shared ? vma.file : undefined
  if (shared !== undefined && shared.find(offset) !== 0) throw alreadyThere(index)
  const frame = shared?.findOrCreate(offset) ?? frames.allocate(FRAME_ANON | FRAME_EXCLUSIVE)
  if (frame === 0) throw new HmmError('ENOMEM', { message: 'no memory for the page' })
  if (bytes !== undefined) frames.write(frame, 0, bytes)
  if (shared !== undefined) {
    frames.get(frame)
    frames.maps[frame]!++
  } else {
    anonPrepare(vma)
    frames.maps[frame] = 1
    frames.mapping[frame] = vma.anonVma!.id
    frames.index[frame] = vma.anonOffsetOf(page)
  }
  const writable = (vma.flags & VM_WRITE) !== 0 ? PTE_WRITE : 0
  const right = writeProtect ? PTE_UFFD_WP : writable
  mm.tables.set(page, PTE_PRESENT | PTE_WRITTEN | PTE_YOUNG | right | frame)
}

function notRegistered(): HmmError {
  return new HmmError('ENOENT', {
    message: 'the range is not inside one mapping that is registered for this',
    retryable: false,
  })
}
