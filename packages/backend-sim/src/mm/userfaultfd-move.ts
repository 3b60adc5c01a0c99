import { HmmError, type Errno } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import { alreadyThere } from './already-there.js'
import { anonPrepare } from './anon-prepare.js'
import { FRAME_EXCLUSIVE } from './frame-table.js'
import { splitHuge } from './huge.js'
import { isLarge, splitFolio } from './large-folio.js'
import {
  PTE_DIRTY,
  PTE_FRAME,
  PTE_MIGRATION,
  PTE_PRESENT,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_SWAP_EXCLUSIVE,
  PTE_WRITE,
  PTE_YOUNG,
  pteIs,
} from './pte.js'
import type { Userfaultfd } from './userfaultfd.js'
import {
  VM_ACCESS,
  VM_HUGETLB,
  VM_IO,
  VM_LOCKED,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_WRITE,
  type Vma,
} from './vma.js'

/**
 * `UFFDIO_MOVE`: pages that the process has alone go from one place to another, where nothing is yet;
 * wakes who waits there. CLEAR over what is still to be moved (before 7.2 page by page).
 */
export function* userfaultMove(
  context: Userfaultfd,
  to: number,
  from: number,
  pages: number,
): Operation<void> {
  const { mm } = context
  let done = 0
  yield* mm.lock.read()
  try {
    const target = mm.vmas.find(to)
    const source = mm.vmas.find(from)
    if (target === undefined || source === undefined) throw failure('ENOENT', 'nothing is mapped')
    check(context, target, to + pages, source, from + pages)
    while (done < pages) {
      const moved = moveBlock(target, to + done, from + done, pages - done)
      done += moved === 0 ? yield* movePage(target, to, from, done, pages) : moved
    }
  } finally {
    mm.lock.releaseRead()
    if (done > 0) context.wake(to, to + done)
  }
}

/** `validate_move_areas` */
function check(context: Userfaultfd, target: Vma, toEnd: number, source: Vma, end: number): void {
  if (target.anonymous) anonPrepare(target)
  const others = VM_IO | VM_PFNMAP | VM_MIXEDMAP | VM_HUGETLB
  const alike =
    toEnd <= target.end &&
    end <= source.end &&
    (target.flags & (VM_ACCESS | VM_LOCKED)) === (source.flags & (VM_ACCESS | VM_LOCKED)) &&
    (source.flags & VM_WRITE) !== 0
  const movable = target.anonymous && source.anonymous
  if (!alike || !movable || ((target.flags | source.flags) & others) !== 0) {
    throw failure('EINVAL', 'pages move between private anonymous memory of the same rights only')
  }
  if (target.userfaultfd !== context) throw failure('EINVAL', 'the target is not registered')
}

/** `move_pages_huge_pmd`: a whole block to a place for one. 0 if it has to move page by page. */
function moveBlock(target: Vma, to: number, from: number, pages: number): number {
  const { mm } = target
  const { tables, machine } = mm
  if (!tables.isHuge(from)) return 0
  const apart = (to & tables.mask) !== 0 || (from & tables.mask) !== 0 || pages < tables.leafPages
  if (apart || tables.leaf(to) !== 0) {
    splitHuge(mm, from)
    return 0
  }
  const first = tables.get(from)
  if ((first & PTE_PRESENT) === 0 || (first & PTE_SPECIAL) !== 0) {
    splitHuge(mm, from)
    return 0
  }
  const words = machine.pageTables.words
  mm.invalidateStart('clear', from, from + tables.leafPages)
  try {
    for (let i = 0; i < tables.leafPages; i++) {
      if (!isAlone(target, tables.get(from + i) & PTE_FRAME)) throw busy(0)
    }
    const into = tables.ensureLeaf(to)
    const leaf = tables.leaf(from)
    for (let i = 0; i < tables.leafPages; i++) {
      words[into + i] = presentAt(target, to + i, words[leaf + i]!)
    }
    tables.setHuge(to, true)
    tables.dropLeaf(from)
    mm.updates?.move(from, to, tables.leafPages)
  } finally {
    mm.invalidateEnd()
  }
  return tables.leafPages
}

/** `move_pages_ptes`, of one page. 0 if it has to be tried again. */
function* movePage(
  target: Vma,
  toStart: number,
  fromStart: number,
  index: number,
  pages: number,
): Operation<number> {
  const { mm } = target
  const { tables, machine } = mm
  const to = toStart + index
  const from = fromStart + index
  if (tables.leaf(from) === 0) throw failure('ENOENT', 'there is no page to move', index)
  if (tables.isHuge(to)) throw alreadyThere(index)
  tables.ensureLeaf(to)
  splitAround(target, tables.get(from), index)
  const end = machine.kernel.movesInBatches ? fromStart + pages : from + 1
  yield* mm.invalidateStartInPasses('clear', from, end)
  try {
    const pte = tables.get(from)
    if (tables.get(to) !== 0) throw alreadyThere(index)
    if (pte === 0) throw failure('ENOENT', 'there is no page to move', index)
    if (pteIs(pte, PTE_MIGRATION)) {
      yield machine.pageUnlocked.park()
      return 0
    }
    tables.set(to, movedEntry(target, to, pte, index))
    tables.set(from, 0)
    mm.updates?.move(from, to, 1)
    return 1
  } finally {
    mm.invalidateEnd()
  }
}

/** A page of a large folio moves when that was taken apart. */
function splitAround({ mm: { machine } }: Vma, pte: number, index: number): void {
  const present = (pte & PTE_PRESENT) !== 0 && (pte & PTE_SPECIAL) === 0
  const frame = pte & PTE_FRAME
  if (present && isLarge(machine, frame) && !splitFolio(machine, frame)) throw busy(index)
}

function movedEntry(target: Vma, to: number, pte: number, index: number): number {
  if ((pte & PTE_PRESENT) !== 0) {
    if ((pte & PTE_SPECIAL) !== 0) return PTE_PRESENT | PTE_SPECIAL | PTE_YOUNG | (pte & PTE_FRAME)
    if (!isAlone(target, pte & PTE_FRAME)) throw busy(index)
    return presentAt(target, to, pte)
  }
  if (!pteIs(pte, PTE_SWAP)) throw failure('EFAULT', 'the page is with a device, or broken', index)
  if ((pte & PTE_SWAP_EXCLUSIVE) === 0) throw busy(index)
  return pte | PTE_SOFT_DIRTY
}

/** Nobody else has the page, in page tables or otherwise (`PageAnonExclusive`, not pinned). */
function isAlone({ mm }: Vma, frame: number): boolean {
  const { frames } = mm.machine
  return (frames.flags[frame]! & FRAME_EXCLUSIVE) !== 0 && frames.refs[frame] === frames.maps[frame]
}

/** The page belongs to `target` now; writable, since nobody else has it. */
function presentAt(target: Vma, to: number, pte: number): number {
  const { frames } = target.mm.machine
  const frame = pte & PTE_FRAME
  frames.mapping[frame] = target.anonVma!.id
  frames.index[frame] = target.anonOffsetOf(to)
  return PTE_PRESENT | PTE_WRITE | PTE_YOUNG | PTE_SOFT_DIRTY | (pte & PTE_DIRTY) | frame
}

function busy(index: number): HmmError {
  return failure('EBUSY', 'somebody else has the page', index)
}

function failure(code: Errno, message: string, page?: number): HmmError {
  return new HmmError(code, { message, retryable: false, ...(page === undefined ? {} : { page }) })
}
