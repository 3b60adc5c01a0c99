import type { Machine } from '../sim/machine.js'
import type { Operation } from '../sim/operation.js'
import { anonPrepare } from './anon-prepare.js'
import type { AnonVma } from './anon-vma.js'
import {
  FRAME_ANON,
  FRAME_DEVICE,
  FRAME_EXCLUSIVE,
  FRAME_KSM,
  FRAME_LOCKED,
} from './frame-table.js'
import { isLarge, splitFolio } from './large-folio.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_DIRTY, PTE_FRAME, PTE_PRESENT, PTE_SPECIAL, PTE_WRITE } from './pte.js'
import {
  VM_HUGETLB,
  VM_IO,
  VM_MERGEABLE,
  VM_MIXEDMAP,
  VM_PFNMAP,
  VM_SHARED,
  type Vma,
} from './vma.js'

/** Where a merged page may be mapped (`struct ksm_stable_node`). */
export class KsmPage {
  readonly places: { readonly anonVma: AnonVma; readonly index: number }[] = []
  readonly id: number

  constructor(machine: Machine) {
    this.id = machine.reverseMap.add(this)
    machine.frames.ksmFreed = (id) => machine.reverseMap.remove(id)
  }
}

interface Candidate {
  readonly vma: Vma
  readonly page: number
}

/** `vma_ksm_compatible`: what is not is ignored, as advice for it is. */
export function mayMerge(vma: Vma): boolean {
  const others = VM_SHARED | VM_IO | VM_PFNMAP | VM_MIXEDMAP | VM_HUGETLB
  return (vma.flags & others) === 0 && vma.file?.dax !== true
}

/**
 * Everything that may be merged in all processes (`ksmd`), one after the other; twice, since the first time
 * a page may come before an equal one that is merged already.
 */
export function* ksmd(mms: readonly MemoryMap[]): Operation<void> {
  const scan = new KsmScan()
  for (const mm of [...mms, ...mms]) {
    if (mm === mms[0]) scan.restart()
    yield* mm.lock.read()
    try {
      for (const vma of mm.vmas.overlapping(0, Infinity)) {
        if ((vma.flags & VM_MERGEABLE) !== 0) scan.look(vma, vma.start, vma.end)
      }
    } finally {
      mm.lock.releaseRead()
    }
  }
}

/** The same for `[start, end)` alone, whether it was advised or not; how many pages were given up. */
export function ksmMerge(mm: MemoryMap, start: number, end: number): number {
  const scan = new KsmScan()
  for (const vma of mm.vmas.overlapping(start, end)) {
    if (mayMerge(vma)) scan.look(vma, Math.max(start, vma.start), Math.min(end, vma.end))
  }
  return scan.merged
}

/**
 * Pages with equal contents become one, read-only. A CLEAR event when a page is write-protected, another
 * when it is replaced.
 */
class KsmScan {
  merged = 0
  readonly #stable: number[] = []
  readonly #unstable: Candidate[] = []

  /** `root_unstable_tree` is made anew for each scan. */
  restart(): void {
    this.#unstable.length = 0
  }

  look(vma: Vma, start: number, end: number): void {
    for (let page = start; page < end; page++) {
      const frame = candidate(vma.mm, page)
      if (frame !== 0) this.#lookAt(vma, page, frame)
    }
  }

  #lookAt(vma: Vma, page: number, frame: number): void {
    const { machine } = vma.mm
    if ((machine.frames.flags[frame]! & FRAME_KSM) !== 0) {
      if (!this.#stable.includes(frame)) this.#stable.push(frame)
      return
    }
    const known = this.#stable.find((other) => sameBytes(machine, other, frame))
    if (known !== undefined) {
      if (mergeInto(vma, page, known)) this.merged++
      return
    }
    const twin = this.#unstable.findIndex((other) => {
      const theirs = candidate(other.vma.mm, other.page)
      return theirs !== 0 && theirs !== frame && sameBytes(machine, theirs, frame)
    })
    if (twin < 0) this.#unstable.push({ vma, page })
    else if (makeStable(vma, page)) {
      this.#stable.push(frame)
      const [other] = this.#unstable.splice(twin, 1)
      if (mergeInto(other!.vma, other!.page, frame)) this.merged++
    }
  }
}

/** Frame of a present page of anonymous memory, 0 for anything else. */
function candidate(mm: MemoryMap, page: number): number {
  const pte = mm.tables.get(page)
  if ((pte & PTE_PRESENT) === 0 || (pte & PTE_SPECIAL) !== 0) return 0
  const frame = pte & PTE_FRAME
  const flags = mm.machine.frames.flags[frame]!
  return (flags & (FRAME_ANON | FRAME_DEVICE | FRAME_LOCKED)) === FRAME_ANON ? frame : 0
}

/** `write_protect_page`. False if somebody else has a reference of the page. */
function writeProtect(mm: MemoryMap, page: number): boolean {
  const { frames } = mm.machine
  const large = mm.tables.get(page) & PTE_FRAME
  if (isLarge(mm.machine, large) && !splitFolio(mm.machine, large)) return false
  mm.invalidateStart('clear', page, page + 1)
  const pte = mm.tables.get(page)
  const frame = pte & PTE_FRAME
  const free = frames.refs[frame] === frames.maps[frame]
  if (free) {
    frames.flags[frame]! &= ~FRAME_EXCLUSIVE
    mm.tables.set(page, pte & ~(PTE_WRITE | PTE_DIRTY))
  }
  mm.invalidateEnd()
  return free
}

/** The page itself becomes the one that others are merged into. */
function makeStable(vma: Vma, page: number): boolean {
  const { mm } = vma
  if (!writeProtect(mm, page)) return false
  const { machine } = mm
  const frame = mm.tables.get(page) & PTE_FRAME
  anonPrepare(vma)
  const node = new KsmPage(machine)
  node.places.push({ anonVma: vma.anonVma!, index: machine.frames.index[frame]! })
  machine.frames.flags[frame]! |= FRAME_KSM
  machine.frames.mapping[frame] = node.id
  return true
}

/** `replace_page`. */
function mergeInto(vma: Vma, page: number, frame: number): boolean {
  const { mm } = vma
  if (!writeProtect(mm, page)) return false
  const { frames, reverseMap } = mm.machine
  const node = reverseMap.get(frames.mapping[frame]!) as KsmPage
  mm.invalidateStart('clear', page, page + 1)
  const pte = mm.tables.get(page)
  const old = pte & PTE_FRAME
  node.places.push({ anonVma: vma.anonVma!, index: frames.index[old]! })
  frames.get(frame)
  frames.maps[frame]!++
  mm.tables.set(page, (pte & ~PTE_FRAME) | frame)
  frames.maps[old]!--
  frames.put(old)
  mm.invalidateEnd()
  return true
}

function sameBytes(machine: Machine, a: number, b: number): boolean {
  const one = machine.frames.view(a)
  const other = machine.frames.view(b)
  if (one === undefined || other === undefined) {
    return (one ?? other)?.every((byte) => byte === 0) ?? true
  }
  return one.every((byte, index) => byte === other[index])
}
