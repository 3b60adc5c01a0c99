import { POINT_MIGRATE_ENTRY } from '../sim/failure-point.js'
import type { Operation } from '../sim/operation.js'
import { MIGRATE_OUTCOMES, type MigrateOutcome } from '@hmm-sdk/hmm-api/raw'
import { anonPrepare } from './anon-prepare.js'
import type { DevPagemap } from './dev-pagemap.js'
import {
  FRAME_ANON,
  FRAME_COHERENT,
  FRAME_DEVICE,
  FRAME_EXCLUSIVE,
  FRAME_FILE,
  FRAME_LARGE,
  FRAME_LOCKED,
  isDevicePrivate,
  MOVING_FLAGS,
} from './frame-table.js'
import { blockOf, splitHuge } from './huge.js'
import { splitFolio } from './large-folio.js'
import {
  blockAt,
  blockMoves,
  insertBlock,
  isolateBlock,
  tryToMigrateBlock,
} from './migrate-block.js'
import type { MemoryMap } from './memory-map.js'
import {
  PTE_DEVICE_EXCLUSIVE,
  PTE_DEVICE_PRIVATE,
  PTE_FRAME,
  PTE_HWPOISON,
  PTE_KIND,
  PTE_MARKER,
  PTE_MIGRATION,
  PTE_PRESENT,
  PTE_SPECIAL,
  PTE_SWAP,
  PTE_WRITE,
  PTE_WRITTEN,
  PTE_YOUNG,
  pteIs,
  ptePresent,
} from './pte.js'
import { removeMigrationEntries, setMigrationEntry, tryToMigrate } from './rmap.js'
import { VM_READ, VM_UFFD_MISSING, VM_WRITE, type Vma } from './vma.js'

const OUTCOME = Object.fromEntries(MIGRATE_OUTCOMES.map((name, index) => [name, index])) as Record<
  MigrateOutcome,
  number
>

/**
 * The migration of `[start, end)` of one mapping, in the kernel's phases: `collect`
 * (`migrate_vma_setup`), then the caller allocates and copies, then `pages`, then `finalize`.
 * mmap_lock is held from the first to the last.
 */
export class MigrateVma {
  /** Frame of each page that is to move, 0 for a hole. */
  readonly source: Uint32Array
  readonly outcomes: Uint8Array
  readonly #mm: MemoryMap
  readonly #vma: Vma
  readonly #start: number
  readonly #end: number
  readonly #to: 'device' | 'system'
  readonly #pagemap: DevPagemap
  /** 1 for entries that (still) move. */
  readonly #moving: Uint8Array
  /** The range was collected as one block, which moves or stays whole. */
  #compound = false
  /** The page that collecting goes on with, behind those that it passed over. */
  #passed = 0

  constructor(
    mm: MemoryMap,
    vma: Vma,
    range: { readonly start: number; readonly end: number },
    to: 'device' | 'system',
    pagemap: DevPagemap,
  ) {
    this.#mm = mm
    this.#vma = vma
    this.#start = range.start
    this.#end = range.end
    this.#to = to
    this.#pagemap = pagemap
    this.source = new Uint32Array(range.end - range.start)
    this.#moving = new Uint8Array(range.end - range.start)
    this.outcomes = new Uint8Array(range.end - range.start).fill(OUTCOME['not-present'])
  }

  /**
   * Whether the range is one block, mapped as one or not at all, that could move whole if there is
   * one for it to move to (`MIGRATE_VMA_SELECT_COMPOUND`). To be asked before `collect`.
   */
  mayBeWhole(): boolean {
    if (this.#end - this.#start !== this.#mm.tables.leafPages) return false
    return blockMoves(this.#mm, this.#vma, this.#start, this.#to, this.#pagemap)
  }

  /** Whether the range was collected as one block. */
  get compound(): boolean {
    return this.#compound
  }

  /** Whether entry `index` was collected and not refused since. */
  moving(index: number): boolean {
    return this.#moving[index] === 1
  }

  /** Entry `index` does not move, and why. */
  refuse(index: number, outcome: MigrateOutcome): void {
    this.#moving[index] = 0
    this.outcomes[index] = OUTCOME[outcome]
  }

  /**
   * Locks and unmaps what can move: a MIGRATE event, and CLEAR for other mappings of a page.
   * `whole`: as a block, for which `mayBeWhole` was true and there is room.
   */
  *collect(whole: boolean): Operation<void> {
    const { machine } = this.#mm
    const { frames } = machine
    const { owner } = this.#pagemap
    yield* this.#mm.invalidateStartInPasses('migrate', this.#start, this.#end, owner)
    if (whole) this.#collectBlock()
    else for (let page = this.#start; page < this.#end; page++) this.#collectPage(page)
    this.#mm.invalidateEnd()
    if (this.#compound && this.source[0] !== 0) {
      yield* this.#unmapBlock()
      return
    }
    for (let i = 0; i < this.source.length; i++) {
      const frame = this.source[i]!
      if (frame === 0) continue
      // `folio_mapped`: mostly this process had the only mapping, and there is none left.
      if (frames.maps[frame] !== 0) yield* tryToMigrate(machine, frame)
      if (frames.maps[frame] !== 0 || this.#pinned(frame)) this.refuse(i, 'busy')
      if (this.#moving[i] === 0) {
        removeMigrationEntries(machine, frame, frame)
        this.#unlock(frame)
        frames.put(frame)
        this.source[i] = 0
      }
    }
  }

  /** Commits what has a destination (0 declines); the source's bytes were copied before. */
  pages(destination: Uint32Array): void {
    let event = false
    if (this.#compound && this.source[0] === 0 && this.#moving[0] === 1) {
      this.#populateBlock(destination)
      return
    }
    for (let i = 0; i < this.source.length; i++) {
      if (this.#moving[i] === 0) continue
      const to = destination[i]!
      if (to === 0) this.#moving[i] = 0
      else if (this.source[i] !== 0) this.#movePage(i, to)
      else {
        if (!event) {
          const from = this.#start + i
          this.#mm.invalidateStart('migrate', from, this.#end, this.#pagemap.owner)
        }
        event = true
        this.#fillHole(i, to)
      }
    }
    if (event) this.#mm.invalidateEnd()
  }

  /** Lets everybody see the result, and unlocks. Destinations that were not used are freed. */
  finalize(destination: Uint32Array): void {
    const { machine } = this.#mm
    const { frames } = machine
    for (let i = 0; i < this.source.length; i++) {
      const from = this.source[i]!
      const to = destination[i]!
      if (from !== 0) {
        removeMigrationEntries(machine, from, this.#moving[i] === 1 ? to : from)
        this.#unlock(from)
        frames.put(from)
      }
      if (to !== 0) {
        frames.flags[to]! &= ~FRAME_LOCKED
        // The page table has references of its own by now; for a hole it took this one over.
        if (from !== 0 || this.#moving[i] === 0) frames.put(to)
      }
    }
    machine.pageUnlocked.wakeAll()
  }

  #collectBlock(): void {
    const { machine, tables } = this.#mm
    // Somebody was faster, between the two passes of the event.
    if (!this.mayBeWhole()) {
      for (let i = 0; i < this.source.length; i++) this.refuse(i, 'lost-race')
      return
    }
    const first = blockAt(this.#mm, this.#start)
    if (first === 0) {
      this.#compound = true
      this.#moving.fill(1)
      return
    }
    const busy = (machine.frames.flags[first]! & FRAME_LOCKED) !== 0
    if (busy || machine.failures.fails(POINT_MIGRATE_ENTRY)) {
      for (let i = 0; i < this.source.length; i++) this.refuse(i, 'busy')
      return
    }
    this.#compound = true
    isolateBlock(this.#mm, this.#start)
    this.#moving.fill(1)
    for (let i = 0; i < tables.leafPages; i++) this.source[i] = first + i
  }

  /** The mappings of others, and whether somebody holds one of the pages. */
  *#unmapBlock(): Operation<void> {
    const { machine } = this.#mm
    const first = this.source[0]!
    yield* tryToMigrateBlock(machine, first, this.source.length)
    const stays = (frame: number): boolean =>
      machine.frames.maps[frame] !== 0 || this.#pinned(frame)
    if (!this.source.some(stays)) return
    for (let i = 0; i < this.source.length; i++) {
      this.refuse(i, 'busy')
      removeMigrationEntries(machine, first + i, first + i)
      this.#unlock(first + i)
      machine.frames.put(first + i)
      this.source[i] = 0
    }
    this.#compound = false
  }

  /** `migrate_vma_insert_huge_pmd_page`: only while there is nothing yet. */
  #populateBlock(destination: Uint32Array): void {
    const mm = this.#mm
    if (destination[0] === 0) {
      this.#moving.fill(0)
      return
    }
    mm.invalidateStart('migrate', this.#start, this.#end, this.#pagemap.owner)
    const inserted = insertBlock(mm, this.#vma, this.#start, destination[0]!)
    for (let i = 0; i < this.source.length; i++) {
      if (inserted) this.outcomes[i] = OUTCOME.populated
      else this.refuse(i, 'lost-race')
    }
    mm.invalidateEnd()
  }

  #collectPage(page: number): void {
    if (page < this.#passed) return
    const index = page - this.#start
    const { tables } = this.#mm
    const toDevice = this.#to === 'device'
    // Pages of a block cannot move one by one: it is split, or stays where it is.
    if (tables.isHuge(page) && !this.#splitFor(page, index)) return
    const pte = tables.get(page)
    if (pte === 0) {
      if (toDevice && this.#vma.anonymous) this.#moving[index] = 1
      return
    }
    if ((pte & PTE_PRESENT) !== 0) {
      this.#collectPresent(page, index, pte)
      return
    }
    switch (pte & PTE_KIND) {
      case PTE_DEVICE_PRIVATE:
        this.#collectDevicePage(page, index, pte)
        return
      case PTE_SWAP:
      case PTE_DEVICE_EXCLUSIVE:
      case PTE_MARKER:
      case PTE_HWPOISON:
        return
      default:
        this.refuse(index, 'busy')
    }
  }

  #collectPresent(page: number, index: number, pte: number): void {
    const { flags } = this.#mm.machine.frames
    const zero = (pte & PTE_SPECIAL) !== 0
    if (!zero && (flags[pte & PTE_FRAME]! & FRAME_COHERENT) !== 0) {
      this.#collectDevicePage(page, index, pte)
    } else if (this.#to === 'system') this.#explain(index, 'already-there')
    else if (zero) this.#moving[index] = 1
    else this.#isolate(page, index, pte)
  }

  /** A page in a device's memory: only its own device brings it back. */
  #collectDevicePage(page: number, index: number, pte: number): void {
    const pagemap = this.#mm.machine.frames.pagemapOf(pte & PTE_FRAME)
    if (pagemap !== this.#pagemap) this.#explain(index, 'foreign-device')
    else if (this.#to === 'device') this.#explain(index, 'already-there')
    else this.#isolate(page, index, pte)
  }

  /** Splits the block of `page` if its pages can move. */
  #splitFor(page: number, index: number): boolean {
    const { tables, machine } = this.#mm
    const pte = tables.get(page)
    const present = ptePresent(pte)
    const toDevice = this.#to === 'device'
    if (present ? !toDevice : pteIs(pte, PTE_DEVICE_PRIVATE) && toDevice) {
      const own = present || machine.frames.pagemapOf(pte & PTE_FRAME) === this.#pagemap
      this.#explain(index, own ? 'already-there' : 'foreign-device')
      return false
    }
    if (present && (pte & PTE_SPECIAL) !== 0) splitHuge(this.#mm, page)
    else if (pteIs(pte, PTE_MIGRATION) || !splitFolio(machine, pte & PTE_FRAME)) {
      this.refuse(index, 'busy')
      return false
    }
    return true
  }

  /** Why a page was not collected; a snapshot tells, which sees nothing that cannot be read. */
  #explain(index: number, outcome: MigrateOutcome): void {
    if ((this.#vma.flags & VM_READ) !== 0) this.refuse(index, outcome)
  }

  /** A folio that cannot be taken apart stays, and what follows in its page table (`migrate_vma_collect_skip`). */
  #passOver(page: number): void {
    const { tables } = this.#mm
    this.#passed = Math.min(blockOf(this.#mm, page) + tables.leafPages, this.#end)
    for (let each = page; each < this.#passed; each++) {
      if (tables.get(each) !== 0) this.refuse(each - this.#start, 'busy')
    }
  }

  /** Locks and references the page and puts a migration entry in its place. */
  #isolate(page: number, index: number, pte: number): void {
    const { frames, failures } = this.#mm.machine
    const frame = pte & PTE_FRAME
    const flags = frames.flags[frame]!
    if ((flags & (FRAME_LOCKED | FRAME_LARGE)) === FRAME_LARGE) {
      if (splitFolio(this.#mm.machine, frame)) this.#collectPage(page)
      else this.#passOver(page)
      return
    }
    if ((flags & FRAME_LOCKED) !== 0 || failures.fails(POINT_MIGRATE_ENTRY)) {
      this.refuse(index, 'busy')
      return
    }
    // A pinned page of this process alone must stay writable for whoever pinned it.
    if ((flags & FRAME_EXCLUSIVE) !== 0 && frames.refs[frame]! > frames.maps[frame]!) {
      this.refuse(index, 'busy')
      return
    }
    frames.flags[frame] = flags | FRAME_LOCKED
    frames.get(frame)
    setMigrationEntry(this.#mm, page, pte)
    this.source[index] = frame
    this.#moving[index] = 1
  }

  /** Whether somebody else holds a reference of a page that nobody maps any more. */
  #pinned(frame: number): boolean {
    const { frames } = this.#mm.machine
    const cached = (frames.flags[frame]! & FRAME_FILE) !== 0 ? 1 : 0
    return frames.refs[frame]! - 1 - cached > frames.maps[frame]!
  }

  #movePage(index: number, to: number): void {
    const { frames } = this.#mm.machine
    const from = this.source[index]!
    const flags = frames.flags[from]!
    if ((flags & FRAME_ANON) === 0) {
      this.refuse(index, 'not-anonymous')
    } else if (this.#pinned(from)) {
      this.refuse(index, 'busy')
    } else if (
      (frames.flags[to]! & FRAME_DEVICE) !== 0 &&
      this.#mm.machine.swap.entryOf(from) !== 0
    ) {
      // `folio_free_swap` fails: others would read it back from swap.
      this.refuse(index, 'lost-race')
    } else {
      frames.moveIdentity(from, to, this.#compound ? MOVING_FLAGS | FRAME_LARGE : MOVING_FLAGS)
      this.outcomes[index] = OUTCOME.migrated
    }
  }

  /** `migrate_vma_insert_page`: only while the hole is still one. */
  #fillHole(index: number, to: number): void {
    const { machine, tables } = this.#mm
    const { frames } = machine
    const page = this.#start + index
    splitHuge(this.#mm, page)
    const pte = tables.get(page)
    if (
      this.#mm.unstable ||
      (this.#vma.flags & VM_UFFD_MISSING) !== 0 ||
      (pte !== 0 && ((pte & (PTE_PRESENT | PTE_SPECIAL)) | 0) !== (PTE_PRESENT | PTE_SPECIAL | 0))
    ) {
      this.refuse(index, 'lost-race')
      return
    }
    anonPrepare(this.#vma)
    frames.flags[to]! |= FRAME_ANON | FRAME_EXCLUSIVE
    frames.maps[to] = 1
    frames.mapping[to] = this.#vma.anonVma!.id
    frames.index[to] = this.#vma.anonOffsetOf(page)
    const write = (this.#vma.flags & VM_WRITE) !== 0 ? PTE_WRITE : 0
    const device = isDevicePrivate(frames.flags[to]!)
    tables.set(
      page,
      device
        ? PTE_DEVICE_PRIVATE | write | to
        : PTE_PRESENT | PTE_YOUNG | write | (write !== 0 ? PTE_WRITTEN : 0) | to,
    )
    this.outcomes[index] = OUTCOME.populated
  }

  #unlock(frame: number): void {
    this.#mm.machine.frames.flags[frame]! &= ~FRAME_LOCKED
  }
}
