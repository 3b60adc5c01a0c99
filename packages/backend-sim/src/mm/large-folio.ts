import type { Machine } from '../sim/machine.js'
import { FRAME_DEVICE, FRAME_HWPOISON, FRAME_LARGE, ZERO_FRAME } from './frame-table.js'
import { blockOf, unmarkHuge } from './huge.js'
import type { MemoryMap } from './memory-map.js'
import {
  PTE_DEVICE_EXCLUSIVE,
  PTE_FRAME,
  PTE_PRESENT,
  PTE_SPECIAL,
  pteIs,
  ptePresent,
} from './pte.js'
import type { MappedRun } from './reverse-map.js'
import { migrationEntry, presentEntry, pteMaps, walkMappings } from './rmap.js'

/*
 * Folios of several pages: a block of memory of a huge page. It stays one when its mapping is split or parts
 * of it are unmapped; what moves or reclaims a part of it takes it apart first.
 */

/** Whether the frame is part of a folio of several pages. */
export function isLarge(machine: Machine, frame: number): boolean {
  return (machine.frames.flags[frame]! & FRAME_LARGE) !== 0
}

/**
 * `split_folio`: a CLEAR event for each part of a process where the folio may be mapped, and from now on its
 * pages are mapped one by one. Pages of system memory that hold nothing but zeros become the zero page
 * (`try_to_map_unused_to_zeropage`). False, without an event, if somebody else holds one of the pages.
 */
export function splitFolio(machine: Machine, frame: number): boolean {
  const { frames } = machine
  const pages = partsOf(machine, frame)
  if (pages.some((each) => frames.refs[each] !== frames.maps[each])) return false
  const first = firstOf(machine, frame)
  let mapped = mappingsOf(machine, pages)
  for (const run of runsOf(machine, frame)) {
    if (mapped === 0) break
    const { mm } = run.vma
    if (machine.kernel.splitsByAddress) {
      const block = blockOf(mm, run.page)
      mm.invalidateStart('clear', block, block + mm.tables.leafPages)
      mm.invalidateEnd()
    }
    mm.invalidateStart('clear', run.page, run.page + run.pages)
    mapped -= mappedIn(run, first)
    if (isWhole(run, first)) unmarkHuge(mm, run.page)
    takeBackExclusive(run, first)
    mm.invalidateEnd()
  }
  for (const each of pages) frames.flags[each]! &= ~FRAME_LARGE
  for (const each of pages) giveUpZeros(machine, each)
  return true
}

/** Whether page tables of another process map a page of the folio (`folio_maybe_mapped_shared`). */
export function isSharedFolio(mm: MemoryMap, frame: number): boolean {
  const { machine } = mm
  if (!isLarge(machine, frame)) return machine.frames.maps[frame]! > 1
  if (machine.kernel.guessesSharing) return isLikelyShared(machine, frame)
  const first = firstOf(machine, frame)
  let others = mappingsOf(machine, partsOf(machine, frame))
  for (const run of runsOf(machine, frame)) if (run.vma.mm === mm) others -= mappedIn(run, first)
  return others > 0
}

/** `folio_likely_mapped_shared`: a mapping of all of it counts once. */
function isLikelyShared(machine: Machine, frame: number): boolean {
  const first = firstOf(machine, frame)
  const size = sizeOf(machine)
  const whole = runsOf(machine, frame).filter((run) => isWhole(run, first)).length
  const single = mappingsOf(machine, partsOf(machine, frame)) - whole * size
  if (whole + single <= 1) return false
  if (whole > 0 || single > size) return true
  return isLarge(machine, first) && machine.frames.maps[first]! > 1
}

/** Whether the page tables of `mm` have the only references of the folio, and of more than a page of it. */
export function ownsFolio(mm: MemoryMap, frame: number): boolean {
  const { machine } = mm
  const { maps, refs } = machine.frames
  // Mostly it is this page that somebody else has, too.
  if (refs[frame] !== 1) return false
  const first = firstOf(machine, frame)
  let mapped = 0
  for (let each = first; each < first + sizeOf(machine); each++) {
    if (!isLarge(machine, each)) continue
    if (maps[each]! > 1 || refs[each] !== maps[each]) return false
    mapped += maps[each]!
  }
  return mapped > 1 && !isSharedFolio(mm, frame)
}

/** How many pages of the folio, of all that it began with, follow at `page` one by one (`folio_pte_batch`). */
export function folioRun(mm: MemoryMap, page: number, end: number): number {
  const frame = mm.tables.get(page) & PTE_FRAME
  const stop = Math.min(end, page + sizeOf(mm.machine) - (frame - firstOf(mm.machine, frame)))
  let at = page
  while (at < stop && pteMaps(mm.tables.get(at), frame + (at - page))) at++
  return at - page
}

function sizeOf(machine: Machine): number {
  return 1 << machine.pageTables.bits
}

/** Blocks begin at multiples of their size. */
function firstOf(machine: Machine, frame: number): number {
  return frame - (frame % sizeOf(machine))
}

function runsOf(machine: Machine, frame: number): readonly MappedRun[] {
  const { frames, reverseMap } = machine
  const index = frames.index[frame]! - (frame - firstOf(machine, frame))
  return reverseMap.runs(frames.mapping[frame]!, index, sizeOf(machine))
}

/** The frames that are left of the folio: parts that nobody had any more are free already. */
function partsOf(machine: Machine, frame: number): number[] {
  const first = firstOf(machine, frame)
  const parts: number[] = []
  for (let each = first; each < first + sizeOf(machine); each++) {
    if (isLarge(machine, each)) parts.push(each)
  }
  return parts
}

function mappingsOf({ frames }: Machine, pages: readonly number[]): number {
  return pages.reduce((sum, each) => sum + frames.maps[each]!, 0)
}

/** Whether the folio from `first` on is mapped there as one. */
function isWhole({ vma, page, at }: MappedRun, first: number): boolean {
  const { tables } = vma.mm
  return tables.isHuge(page) && pteMaps(tables.get(page), first + at)
}

/** How many pages of the folio from `first` on are mapped there. */
function mappedIn({ vma, page, pages, at }: MappedRun, first: number): number {
  const { tables } = vma.mm
  let mapped = 0
  for (let i = 0; i < pages; i++) if (pteMaps(tables.get(page + i), first + at + i)) mapped++
  return mapped
}

/** The CPU has them again: a split unmaps all pages and maps them anew. */
function takeBackExclusive({ vma, page, pages, at }: MappedRun, first: number): void {
  const { tables } = vma.mm
  for (let i = 0; i < pages; i++) {
    const pte = tables.get(page + i)
    if (pteIs(pte, PTE_DEVICE_EXCLUSIVE) && pteMaps(pte, first + at + i))
      tables.set(page + i, presentEntry(migrationEntry(pte), first + at + i))
  }
}

function giveUpZeros(machine: Machine, frame: number): void {
  const { frames } = machine
  const unused = frames.view(frame)?.every((byte) => byte === 0) ?? true
  if (!unused || (frames.flags[frame]! & (FRAME_DEVICE | FRAME_HWPOISON)) !== 0) return
  walkMappings(machine, frame, ({ mm }, page, pte) => {
    if (!ptePresent(pte)) return
    mm.tables.set(page, PTE_PRESENT | PTE_SPECIAL | ZERO_FRAME)
    frames.maps[frame]!--
    frames.put(frame)
  })
}
