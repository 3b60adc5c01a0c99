import { MemoryFile } from './memory-file.js'
import {
  FRAME_BUFFER,
  FRAME_DAX,
  FRAME_DEVICE,
  FRAME_FILE,
  FRAME_HUGETLB,
  FRAME_LOCKED,
  MOVING_FLAGS,
} from './frame-table.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_FRAME, PTE_PRESENT, PTE_SPECIAL } from './pte.js'
import { removeMigrationEntries, tryToMigrate } from './rmap.js'
import type { Machine } from '../sim/machine.js'
import type { Operation } from '../sim/operation.js'
import { forEachEntry } from './walk.js'

/** Huge pages of a pool are nothing that compaction could use; other memory is not its business. */
const STAYS = FRAME_LOCKED | FRAME_BUFFER | FRAME_HUGETLB | FRAME_DAX | FRAME_DEVICE

/**
 * Pages on their way to other frames (`migrate_pages`, as compaction and `move_pages` do it): from
 * `begin` to `finish` migration entries stand in their place, and whoever touches one waits.
 */
export class PageMove {
  readonly #machine: Machine
  readonly #frames: number[] = []

  private constructor(machine: Machine) {
    this.#machine = machine
  }

  /** A CLEAR event for each mapping of each page of `[start, end)`, also of pages that then stay. */
  static *begin(mm: MemoryMap, start: number, end: number): Operation<PageMove> {
    const move = new PageMove(mm.machine)
    const { frames } = mm.machine
    const found = new Set<number>()
    forEachEntry(mm, start, end, (_at, pte) => {
      if ((pte & PTE_PRESENT) !== 0 && (pte & PTE_SPECIAL) === 0) found.add(pte & PTE_FRAME)
    })
    for (const frame of found) {
      if ((frames.flags[frame]! & STAYS) !== 0) found.delete(frame)
      else {
        frames.flags[frame]! |= FRAME_LOCKED
        frames.get(frame)
      }
    }
    for (const frame of found) {
      yield* tryToMigrate(mm.machine, frame)
      if (frames.maps[frame] !== 0 || move.#pinned(frame)) move.#end(frame, frame)
      else move.#frames.push(frame)
    }
    mm.machine.pageUnlocked.wakeAll()
    return move
  }

  /** Copies and lets everybody go on; how many pages moved. Does nothing the second time. */
  finish(): number {
    const { frames, reverseMap, pageUnlocked } = this.#machine
    let moved = 0
    for (const from of this.#frames.splice(0)) {
      const to = this.#pinned(from) ? 0 : frames.allocate(0)
      if (to === 0) {
        this.#end(from, from)
        continue
      }
      frames.copy(from, to)
      const file = reverseMap.get(frames.mapping[from]!)
      const offset = frames.index[from]!
      frames.moveIdentity(from, to, MOVING_FLAGS)
      if (file instanceof MemoryFile && file.find(offset) === from) {
        frames.flags[to]! |= FRAME_FILE
        frames.get(to)
        file.replace(offset, to)
      }
      this.#end(from, to)
      frames.put(to)
      moved++
    }
    pageUnlocked.wakeAll()
    return moved
  }

  #end(from: number, to: number): void {
    const { frames } = this.#machine
    removeMigrationEntries(this.#machine, from, to)
    frames.flags[from]! &= ~FRAME_LOCKED
    frames.put(from)
  }

  /** Whether somebody but this move, the page cache and what still maps it has a reference. */
  #pinned(frame: number): boolean {
    const { frames } = this.#machine
    const cached = (frames.flags[frame]! & FRAME_FILE) !== 0 ? 1 : 0
    return frames.refs[frame]! - 1 - cached > frames.maps[frame]!
  }
}
