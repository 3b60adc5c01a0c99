import type { VirtualRange } from '@hmm-sdk/hmm-api'
import { clearRefs } from '../mm/clear-refs.js'
import { collapseRange } from '../mm/collapse.js'
import { FRAME_DEVICE } from '../mm/frame-table.js'
import { installGuards, removeGuards } from '../mm/guard.js'
import { ksmMerge } from '../mm/ksm.js'
import { memoryFailure } from '../mm/memory-failure.js'
import type { MemoryMap } from '../mm/memory-map.js'
import { PageMove } from '../mm/move-pages.js'
import { numaScan } from '../mm/numa-scan.js'
import { oomReap } from '../mm/oom-reaper.js'
import { PTE_FRAME, PTE_PRESENT, PTE_SPECIAL } from '../mm/pte.js'
import { reclaimRange } from '../mm/reclaim.js'
import { writeback } from '../mm/writeback.js'
import type { Operation } from './operation.js'
import type { Simulation } from './simulation.js'
import { spaceOf } from './space-of.js'

/** Pages that are being moved; a fault of one waits until `finish`. */
export interface MovingPages {
  /** How many moved; those that are pinned stay. Does nothing the second time. */
  finish(): Promise<number>
}

/**
 * What the kernel does to the memory of a process of its own accord, or for somebody else than the
 * process: nothing that a system call of the API could ask for.
 */
export class MemoryEvents {
  readonly #simulation: Simulation

  constructor(simulation: Simulation) {
    this.#simulation = simulation
  }

  /** Takes pages away as memory pressure does, shared ones too; how many. CLEAR */
  reclaim(space: object, range: VirtualRange): Promise<number> {
    return this.#read(space, (mm) => reclaimRange(mm, range.startPage, range.endPage, true))
  }

  /** NUMA balancing asks who uses the pages: the next touch of each faults; how many. PROTECTION_VMA */
  numaScan(space: object, range: VirtualRange): Promise<number> {
    return this.#simulation.run(numaScan(spaceOf(space).mm, range.startPage, range.endPage))
  }

  /** Somebody watches what the process writes (`/proc/pid/clear_refs`, 4). SOFT_DIRTY */
  clearRefs(space: object): Promise<void> {
    return this.#simulation.run(clearRefs(spaceOf(space).mm))
  }

  /** Merges equal pages (KSM); how many were given up. CLEAR, twice for a page that is replaced */
  mergePages(space: object, range: VirtualRange): Promise<number> {
    return this.#now(space, (mm) => ksmMerge(mm, range.startPage, range.endPage))
  }

  /** Moves pages to other frames, as compaction does; how many. CLEAR */
  async compact(space: object, range: VirtualRange): Promise<number> {
    return (await this.beginMove(space, range)).finish()
  }

  /** The first half of `compact`: faults of the pages wait until `finish`. CLEAR */
  async beginMove(space: object, range: VirtualRange): Promise<MovingPages> {
    const move = await this.#read(space, (mm) => PageMove.begin(mm, range.startPage, range.endPage))
    return { finish: async () => move.finish() }
  }

  /** Makes whole blocks huge pages, as khugepaged does; how many are. CLEAR */
  collapse(space: object, range: VirtualRange): Promise<number> {
    return this.#simulation.run(khugepaged(spaceOf(space).mm, range.startPage, range.endPage))
  }

  /** The memory behind the present pages breaks (hwpoison); how many pages. CLEAR */
  poison(space: object, range: VirtualRange): Promise<number> {
    return this.#read(space, function* (mm) {
      const { machine } = mm
      let poisoned = 0
      for (let page = range.startPage; page < range.endPage; page++) {
        const pte = mm.tables.get(page)
        if ((pte & PTE_PRESENT) === 0 || (pte & PTE_SPECIAL) !== 0) continue
        if ((machine.frames.flags[pte & PTE_FRAME]! & FRAME_DEVICE) !== 0) continue
        if (yield* memoryFailure(machine, pte & PTE_FRAME)) poisoned++
      }
      return poisoned
    })
  }

  /** Writes the file pages back: shared mappings are read-only until the next write. PROTECTION_PAGE */
  writeback(space: object, range: VirtualRange): Promise<number> {
    return this.#read(space, (mm) => writeback(mm, range.startPage, range.endPage))
  }

  /**
   * The OOM reaper takes the private memory of the process, which is dead but for its exit; how many
   * mappings it had to leave because a commit ran. CLEAR that cannot wait
   */
  oomReap(space: object): Promise<number> {
    return this.#simulation.run(oomReap(spaceOf(space).mm))
  }

  /** `MADV_GUARD_INSTALL`: touches of the pages fail. CLEAR if there was anything */
  guard(space: object, range: VirtualRange): Promise<void> {
    const { startPage, endPage } = range
    return this.#read(space, function* (mm) {
      for (const vma of mm.vmas.overlapping(startPage, endPage)) {
        const end = Math.min(endPage, vma.end)
        yield* installGuards(mm, vma, Math.max(startPage, vma.start), end)
      }
    })
  }

  /** `MADV_GUARD_REMOVE`. No event */
  unguard(space: object, range: VirtualRange): Promise<void> {
    return this.#now(space, (mm) => removeGuards(mm, range.startPage, range.endPage))
  }

  #now<T>(space: object, run: (mm: MemoryMap) => T): Promise<T> {
    return this.#simulation.run(locked(spaceOf(space).mm, run))
  }

  #read<T>(space: object, run: (mm: MemoryMap) => Operation<T>): Promise<T> {
    return this.#simulation.run(lockedOperation(spaceOf(space).mm, run))
  }
}

function* khugepaged(mm: MemoryMap, start: number, end: number): Operation<number> {
  yield* mm.lock.write()
  try {
    let huge = 0
    for (const vma of mm.vmas.overlapping(start, end)) {
      const from = Math.max(start, vma.start)
      huge += (yield* collapseRange(mm, vma, from, Math.min(end, vma.end), 'khugepaged')).huge
    }
    return huge
  } finally {
    mm.lock.releaseWrite()
  }
}

/** Runs `run` with mmap_lock held for reading. */
function* locked<T>(mm: MemoryMap, run: (mm: MemoryMap) => T): Operation<T> {
  yield* mm.lock.read()
  try {
    return run(mm)
  } finally {
    mm.lock.releaseRead()
  }
}

/** The same for what may have to wait. */
function* lockedOperation<T>(mm: MemoryMap, run: (mm: MemoryMap) => Operation<T>): Operation<T> {
  yield* mm.lock.read()
  try {
    return yield* run(mm)
  } finally {
    mm.lock.releaseRead()
  }
}
