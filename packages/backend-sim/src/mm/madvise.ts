import { HmmError } from '@hmm-sdk/hmm-api'
import type { Advice } from '@hmm-sdk/hmm-api/raw'
import type { Operation } from '../sim/operation.js'
import { FRAME_ANON, FRAME_DEVICE, FRAME_DIRTY, FRAME_LAZY_FREE } from './frame-table.js'
import { adviseCollapse } from './collapse.js'
import { blockOf } from './huge.js'
import { checkHugetlbEdge, hugetlbFile, isHugetlb, widenHugetlb, zapHugetlb } from './hugetlb.js'
import { mayMerge } from './ksm.js'
import type { MemoryMap } from './memory-map.js'
import {
  PTE_DIRTY,
  PTE_FRAME,
  PTE_HWPOISON,
  PTE_KIND,
  PTE_PRESENT,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_YOUNG,
  pteIs,
  ptePresent,
} from './pte.js'
import { FAULT_DONE } from './fault-code.js'
import { installGuards, removeGuards } from './guard.js'
import { memoryFailure } from './memory-failure.js'
import { folioRun, isLarge, isSharedFolio, splitFolio } from './large-folio.js'
import { PageMove } from './move-pages.js'
import { reclaimRange } from './reclaim.js'
import { resolveFault } from './resolve-fault.js'
import { punchHole } from './truncate.js'
import { forEachEntry } from './walk.js'
import { isolateVmas, mergeVma } from './vma-operations.js'
import {
  VM_DONTFORK,
  VM_HUGEPAGE,
  VM_LOCKED,
  VM_MERGEABLE,
  VM_MIXEDMAP,
  VM_NOHUGEPAGE,
  VM_PFNMAP,
  type Vma,
} from './vma.js'
import { zapVma } from './zap.js'

/** Which flags advice clears and sets. */
const FLAGS_OF_ADVICE = {
  dontfork: [0, VM_DONTFORK],
  dofork: [VM_DONTFORK, 0],
  hugepage: [VM_NOHUGEPAGE, VM_HUGEPAGE],
  nohugepage: [VM_HUGEPAGE, VM_NOHUGEPAGE],
  mergeable: [0, VM_MERGEABLE],
} as const

/** Advice that has a call of its own in the API. */
type AnyAdvice = Advice | 'mergeable'

/** Advice that needs mmap_lock for writing. */
const CHANGES_VMAS = new Set<AnyAdvice>([
  ...Object.keys(FLAGS_OF_ADVICE),
  'collapse',
] as AnyAdvice[])

/** Where advice is EINVAL (`can_madv_lru_vma`, `madvise_dontneed_free_valid_vma`, `is_valid_guard_vma`). */
const FORBIDDEN_BY_ADVICE: Partial<Record<AnyAdvice, number>> = {
  dontneed: VM_LOCKED | VM_PFNMAP,
  'dontneed-locked': VM_PFNMAP,
  free: VM_LOCKED | VM_PFNMAP,
  remove: VM_LOCKED,
  cold: VM_LOCKED | VM_PFNMAP,
  pageout: VM_LOCKED | VM_PFNMAP,
  'guard-install': VM_LOCKED | VM_PFNMAP | VM_MIXEDMAP,
  'guard-remove': VM_PFNMAP | VM_MIXEDMAP,
}

/**
 * `madvise` over `[start, end)`: mapping by mapping, with ENOMEM at the end if part of the range
 * is not mapped.
 */
export function* madvise(
  mm: MemoryMap,
  start: number,
  end: number,
  advice: AnyAdvice,
): Operation<void> {
  const changesVmas = CHANGES_VMAS.has(advice)
  if (changesVmas) yield* mm.lock.write()
  else yield* mm.lock.read()
  try {
    const whole = mm.vmas.covers(start, end)
    for (const vma of mm.vmas.overlapping(start, end)) {
      yield* adviseVma(mm, vma, Math.max(start, vma.start), Math.min(end, vma.end), advice)
    }
    if (!whole) {
      throw new HmmError('ENOMEM', { message: 'part of the range is not mapped', retryable: false })
    }
  } finally {
    if (changesVmas) mm.lock.releaseWrite()
    else mm.lock.releaseRead()
  }
}

function* adviseVma(
  mm: MemoryMap,
  vma: Vma,
  start: number,
  end: number,
  advice: AnyAdvice,
): Operation<void> {
  if (isHugetlb(vma)) {
    if (advice !== 'mergeable') yield* adviseHugetlb(vma, start, end, advice)
    return
  }
  if ((vma.flags & (FORBIDDEN_BY_ADVICE[advice] ?? 0)) !== 0) {
    throw new HmmError('EINVAL', {
      message: `'${advice}' does not apply to memory that is locked, to registers or pages of a driver`,
      hint: 'madvise dontneed-locked drops locked pages; munlock unlocks them.',
    })
  }
  switch (advice) {
    case 'dontneed':
    case 'dontneed-locked':
      yield* mm.invalidateStartInPasses('clear', start, end)
      yield* zapVma(vma, start, end)
      mm.invalidateEnd()
      return
    case 'free':
      if (!vma.anonymous) {
        throw new HmmError('EINVAL', { message: 'MADV_FREE is for private anonymous memory' })
      }
      yield* mm.invalidateStartInPasses('clear', start, end)
      freeLazily(mm, start, end)
      mm.invalidateEnd()
      return
    case 'remove':
      if (vma.file === undefined) {
        throw new HmmError('EINVAL', { message: 'MADV_REMOVE is for mappings of files' })
      }
      // What it may become counts (VM_MAYWRITE), and every file here is open for writing.
      if (!vma.shared) {
        throw new HmmError('EACCES', { message: 'MADV_REMOVE is for shared mappings' })
      }
      if ((vma.flags & VM_MIXEDMAP) !== 0) {
        throw new HmmError('ENODEV', { message: 'a driver has no holes to punch' })
      }
      yield* punchHole(vma.file, vma.offsetOf(start), end - start)
      return
    case 'cold':
      age(mm, start, end)
      return
    case 'pageout':
      for (const [from, to] of splitForAdvice(mm, start, end)) {
        yield* reclaimRange(mm, from, to, false)
      }
      return
    case 'willneed':
      readAhead(mm, start, end)
      return
    case 'dontfork':
    case 'dofork':
    case 'hugepage':
    case 'nohugepage':
      changeFlags(vma, start, end, advice)
      return
    case 'mergeable':
      if (mayMerge(vma)) changeFlags(vma, start, end, advice)
      return
    case 'collapse':
      yield* adviseCollapse(mm, vma, start, end)
      return
    case 'guard-install':
      yield* installGuards(mm, vma, start, end)
      return
    case 'guard-remove':
      removeGuards(mm, start, end)
      return
    case 'hwpoison':
    case 'soft-offline':
      yield* injectErrors(mm, vma, start, end, advice)
      return
  }
}

function changeFlags(
  vma: Vma,
  start: number,
  end: number,
  advice: keyof typeof FLAGS_OF_ADVICE,
): void {
  const [cleared, set] = FLAGS_OF_ADVICE[advice]
  const flags = (vma.flags & ~cleared) | set
  if (flags === vma.flags) return
  const [part] = isolateVmas(vma.mm, start, end)
  part!.flags = flags
  mergeVma(part!)
}

/** What advice does to huge pages of a pool. Most is refused, or says nothing to them. */
function* adviseHugetlb(vma: Vma, start: number, end: number, advice: Advice): Operation<void> {
  const { mm } = vma
  const { pages } = hugetlbFile(vma).pool
  switch (advice) {
    case 'dontneed':
    case 'dontneed-locked': {
      checkHugetlbEdge(vma, start)
      // A part of a huge page at the end is left alone.
      const to = end - ((end - start) % pages)
      if (start === to) return
      yield* mm.invalidateStartInPasses('clear', ...widenHugetlb(vma, start, to))
      zapHugetlb(vma, start, to)
      mm.invalidateEnd()
      return
    }
    case 'remove':
      if (!vma.shared) {
        throw new HmmError('EACCES', { message: 'MADV_REMOVE is for shared mappings' })
      }
      yield* punchHole(hugetlbFile(vma), vma.offsetOf(start), end - start)
      return
    case 'dontfork':
    case 'hugepage':
    case 'nohugepage':
      changeFlags(vma, start, end, advice)
      return
    case 'willneed':
      return
    case 'cold':
    case 'collapse':
    case 'dofork':
    case 'free':
    case 'guard-install':
    case 'guard-remove':
    case 'hwpoison':
    case 'pageout':
    case 'soft-offline':
      throw new HmmError('EINVAL', {
        message: `'${advice}' does not apply to huge pages of a pool (hugetlb)`,
        retryable: false,
      })
  }
}

/**
 * `madvise_inject_error`: the memory behind each page, which is faulted in, breaks; or is about to, so
 * that the page moves to other memory (CLEAR events).
 */
function* injectErrors(
  mm: MemoryMap,
  vma: Vma,
  start: number,
  end: number,
  advice: 'hwpoison' | 'soft-offline',
): Operation<void> {
  for (let page = start; page < end; page++) {
    while ((mm.tables.get(page) & PTE_PRESENT) === 0) {
      const code = yield* resolveFault(mm, vma, page, false)
      if (code !== FAULT_DONE) {
        throw new HmmError('EFAULT', { page: page - start, message: 'there is no such page' })
      }
    }
    const pte = mm.tables.get(page)
    const ordinary = (pte & PTE_SPECIAL) === 0
    const done =
      advice === 'hwpoison'
        ? ordinary && (yield* memoryFailure(mm.machine, pte & PTE_FRAME))
        : ordinary && (yield* PageMove.begin(mm, page, page + 1)).finish() === 1
    if (done) continue
    throw new HmmError('EBUSY', {
      page: page - start,
      message: 'the page is in use by somebody, or is none of the process',
      retryable: false,
    })
  }
}

/** `madvise_free_pte_range`: clean pages that reclaim may drop; swapped ones are gone at once. */
function freeLazily(mm: MemoryMap, start: number, end: number): void {
  const { tables, machine } = mm
  const { frames, swap } = machine
  mm.updates?.forget(start, end - start)
  forEachAdvised(mm, start, end, (at, pte) => {
    const frame = pte & PTE_FRAME
    if ((pte & PTE_PRESENT) === 0) {
      const kind = pte & PTE_KIND
      if (kind !== PTE_SWAP && kind !== PTE_HWPOISON) return
      if (kind === PTE_SWAP) swap.put(frame)
      tables.arena.words[at] = 0
      return
    }
    const flags = frames.flags[frame]!
    const lazy = (pte & PTE_SPECIAL) === 0 && (flags & (FRAME_ANON | FRAME_DEVICE)) === FRAME_ANON
    if (!lazy || frames.maps[frame] !== 1) return
    frames.flags[frame] = (flags | FRAME_LAZY_FREE) & ~FRAME_DIRTY
    tables.arena.words[at] = pte & ~(PTE_DIRTY | PTE_YOUNG)
  })
}

function forEachAdvised(
  mm: MemoryMap,
  start: number,
  end: number,
  visit: (at: number, pte: number) => void,
): void {
  for (const [from, to] of splitForAdvice(mm, start, end)) forEachEntry(mm, from, to, visit)
}

function age(mm: MemoryMap, start: number, end: number): void {
  forEachAdvised(mm, start, end, (at, pte) => {
    if ((pte & PTE_PRESENT) !== 0) mm.tables.arena.words[at] = pte & ~PTE_YOUNG
  })
}

/**
 * Advice for a part of a folio takes it apart (`split_folio`), and not only its mapping. The parts of the range
 * that the advice is for: folios that are shared, held or a device's stay whole, and it passes over them.
 */
function splitForAdvice(mm: MemoryMap, start: number, end: number): [number, number][] {
  const { tables, machine } = mm
  const ranges: [number, number][] = []
  let from = start
  for (let page = tables.nextLeaf(start, end); page < end; page = tables.nextLeaf(page, end)) {
    const stop = Math.min(blockOf(mm, page) + tables.leafPages, end)
    while (page < stop) {
      const pte = tables.get(page)
      const frame = pte & PTE_FRAME
      const huge = tables.isHuge(page)
      const present = ptePresent(pte) && (pte & PTE_SPECIAL) === 0
      const large = present && isLarge(machine, frame)
      if (!huge && !large) {
        page++
        continue
      }
      const run = huge ? stop - page : folioRun(mm, page, stop)
      if (large && !isSharedFolio(mm, frame)) {
        if (run === tables.leafPages) {
          page += run
          continue
        }
        if (splitFolio(machine, frame)) continue
      }
      if (from < page) ranges.push([from, page])
      page += run
      from = page
    }
  }
  if (from < end) ranges.push([from, end])
  return ranges
}

/** What is swapped out comes into the swap cache, and stays unmapped (`swapin_walk_pmd_entry`). */
function readAhead(mm: MemoryMap, start: number, end: number): void {
  forEachEntry(mm, start, end, (_at, pte) => {
    if (pteIs(pte, PTE_SWAP)) mm.machine.swap.readAhead(pte & PTE_FRAME)
  })
}
