import { HmmError } from '@hmm-sdk/hmm-api'
import type { Operation } from '../sim/operation.js'
import { DaxFile } from './dax-file.js'
import { copyPageInPasses } from './do-wp-page.js'
import { FAULT_DONE } from './fault-code.js'
import { readFile } from './file-access.js'
import { FRAME_ANON, FRAME_EXCLUSIVE } from './frame-table.js'
import { HugetlbFile } from './hugetlb-file.js'
import type { MemoryFile } from './memory-file.js'
import type { MemoryMap } from './memory-map.js'
import { PTE_FRAME, PTE_PRESENT, PTE_PROTNONE, PTE_SPECIAL, PTE_WRITE } from './pte.js'
import { resolveFault } from './resolve-fault.js'
import { VM_UFFD_MISSING, VM_WRITE, type Vma } from './vma.js'

/** What is written over the instruction (int3). */
const BREAKPOINT = 0xcc

/**
 * A breakpoint that a tracer puts into the private, read-only mappings that one process has of a file
 * (`struct uprobe`, with a filter for the process). The page it is in becomes the process's own.
 */
export class Uprobe {
  readonly mm: MemoryMap
  readonly #file: MemoryFile
  readonly #page: number
  readonly #inPage: number
  readonly #original: number

  constructor(mm: MemoryMap, file: MemoryFile, offset: number) {
    if (file instanceof DaxFile || file instanceof HugetlbFile) {
      throw new HmmError('EIO', {
        message: 'breakpoints are for files with a page cache of ordinary pages',
        retryable: false,
      })
    }
    this.mm = mm
    this.#file = file
    this.#page = Math.floor(offset / mm.machine.pageSize)
    this.#inPage = offset % mm.machine.pageSize
    this.#original = readFile(mm.machine, file, offset, 1)[0]!
  }

  /** `register_for_each_vma`: into every mapping of the process. */
  *register(): Operation<void> {
    this.mm.hasUprobes = true
    yield* this.#forEachMapping([this.mm], true)
    this.#file.uprobes.add(this)
  }

  /** A new mapping gets it, too (`uprobe_mmap`); the caller holds mmap_lock for writing. */
  *mapped(vma: Vma): Operation<void> {
    const page = this.#placeIn(vma, true)
    if (page !== undefined && vma.mm === this.mm) yield* this.#install(vma, page)
  }

  /** Out of every mapping, also of those that a fork has copied. */
  *unregister(): Operation<void> {
    if (!this.#file.uprobes.delete(this)) return
    const others = [...this.#file.uprobes].filter((each) => each.#isAt(this))
    const kept = new Set(others.map(({ mm }) => mm))
    const mms = new Set<MemoryMap>()
    for (const { vma } of this.#file.tree.overlaps(this.#page, this.#page)) {
      if (vma.mm.alive && vma.mm.hasUprobes && !kept.has(vma.mm)) mms.add(vma.mm)
    }
    // Removed (`uprobe_apply`), and looked for again (`uprobe_unregister`): that faults the file's page in.
    yield* this.#forEachMapping([...mms], false)
    yield* this.#forEachMapping([...mms], false)
  }

  #isAt(other: Uprobe): boolean {
    return this.#page === other.#page && this.#inPage === other.#inPage
  }

  /** The mappings that are there now, the one that is found last first (`build_map_info`). */
  *#forEachMapping(mms: readonly MemoryMap[], register: boolean): Operation<void> {
    const found = [...this.#file.tree.overlaps(this.#page, this.#page)]
    for (const { vma } of found.reverse()) {
      const { mm } = vma
      if (!mms.includes(mm) || !mm.alive) continue
      const page = this.#placeIn(vma, register)
      if (page === undefined) continue
      yield* mm.lock.write()
      try {
        if (mm.vmas.find(page) !== vma || this.#placeIn(vma, register) !== page) continue
        if (register) yield* this.#install(vma, page)
        else yield* this.#remove(vma, page)
      } finally {
        mm.lock.releaseWrite()
      }
    }
  }

  /** The page of `vma` that it is in, if that is one for breakpoints (`valid_vma`). */
  #placeIn(vma: Vma, register: boolean): number | undefined {
    if (vma.file !== this.#file || vma.shared) return undefined
    if (register && (vma.flags & VM_WRITE) !== 0) return undefined
    const page = vma.fileEntry?.pageAt(this.#page)
    return page
  }

  /** `install_breakpoint`. */
  *#install(vma: Vma, page: number): Operation<void> {
    const { mm } = vma
    if (!mm.machine.kernel.writesUprobes) {
      // A copy takes the place of whatever is there.
      yield* faultIn(vma, page)
      if (this.#byte(mm, page) !== BREAKPOINT) yield* this.#replace(vma, page, BREAKPOINT)
      return
    }
    yield* makeOwn(vma, page)
    if (this.#byte(mm, page) !== BREAKPOINT) this.#write(mm, page, BREAKPOINT)
  }

  /** `remove_breakpoint`: a page that is as the file's again goes. */
  *#remove(vma: Vma, page: number): Operation<void> {
    const { mm } = vma
    const { frames, kernel } = mm.machine
    for (;;) {
      yield* faultIn(vma, page)
      if (this.#byte(mm, page) !== BREAKPOINT) return
      const pte = mm.tables.get(page)
      const frame = pte & PTE_FRAME
      if ((frames.flags[frame]! & FRAME_ANON) === 0) return
      if (!kernel.writesUprobes && !this.#isAsInFile(frame)) {
        yield* this.#replace(vma, page, this.#original)
        return
      }
      yield* mm.invalidateStartInPasses('clear', page, page + 1)
      const same = mm.tables.get(page) === pte
      const writable = (pte & PTE_WRITE) !== 0 || (frames.flags[frame]! & FRAME_EXCLUSIVE) !== 0
      if (same && (writable || !kernel.writesUprobes)) {
        if (kernel.writesUprobes) this.#write(mm, page, this.#original)
        if (this.#mayGo(vma, frame)) {
          mm.updates?.forget(page, 1)
          mm.tables.set(page, 0)
          frames.maps[frame]!--
          frames.put(frame)
        }
        mm.invalidateEnd()
        return
      }
      mm.invalidateEnd()
      if (same) yield* makeOwn(vma, page)
    }
  }

  #mayGo(vma: Vma, frame: number): boolean {
    const { frames, kernel } = vma.mm.machine
    if (!kernel.writesUprobes) return true
    if ((vma.flags & VM_UFFD_MISSING) !== 0 || frames.refs[frame] !== frames.maps[frame])
      return false
    return this.#isAsInFile(frame)
  }

  /** Whether the page is, but for the breakpoint, the same as the file's (`orig_page_is_identical`). */
  #isAsInFile(frame: number): boolean {
    const { frames, pageSize } = this.mm.machine
    const cached = this.#file.find(this.#page)
    if (cached === 0) return false
    const own = new Uint8Array(pageSize)
    const other = new Uint8Array(pageSize)
    frames.read(frame, 0, own, 0, pageSize)
    frames.read(cached, 0, other, 0, pageSize)
    own[this.#inPage] = this.#original
    return own.every((byte, index) => byte === other[index])
  }

  #byte({ tables, machine }: MemoryMap, page: number): number {
    const byte = new Uint8Array(1)
    machine.frames.read(tables.get(page) & PTE_FRAME, this.#inPage, byte, 0, 1)
    return byte[0]!
  }

  #write(mm: MemoryMap, page: number, byte: number): void {
    mm.updates?.forget(page, 1)
    mm.machine.frames.write(mm.tables.get(page) & PTE_FRAME, this.#inPage, Uint8Array.of(byte))
  }

  /** `__replace_page`: a copy with that byte, read-only. */
  *#replace(vma: Vma, page: number, byte: number): Operation<void> {
    const { mm } = vma
    const before = mm.tables.get(page) & PTE_FRAME
    for (;;) {
      if ((yield* copyPageInPasses(mm, vma, page)) !== FAULT_DONE) throw noMemory()
      if ((mm.tables.get(page) & PTE_FRAME) !== before) break
    }
    mm.tables.set(page, mm.tables.get(page) & ~PTE_WRITE)
    this.#write(mm, page, byte)
  }
}

/** A page that can be read, whatever the rights of the mapping (FOLL_FORCE). */
function* faultIn(vma: Vma, page: number): Operation<void> {
  const { tables } = vma.mm
  while ((tables.get(page) & (PTE_PRESENT | PTE_PROTNONE)) !== (PTE_PRESENT | 0)) {
    if ((yield* resolveFault(vma.mm, vma, page, false)) !== FAULT_DONE) throw noPage()
  }
}

/** A page of this process alone, which it may write as little as before (FOLL_FORCE | FOLL_WRITE). */
function* makeOwn(vma: Vma, page: number): Operation<void> {
  const { mm } = vma
  const { tables, machine } = mm
  const alone = FRAME_ANON | FRAME_EXCLUSIVE
  for (;;) {
    const pte = tables.get(page)
    const there = (pte & PTE_PRESENT) !== 0 && (pte & (PTE_SPECIAL | PTE_PROTNONE)) === 0
    if (there && (machine.frames.flags[pte & PTE_FRAME]! & alone) === alone) break
    if ((yield* resolveFault(mm, vma, page, true)) !== FAULT_DONE) throw noPage()
  }
  if ((vma.flags & VM_WRITE) === 0) tables.set(page, tables.get(page) & ~PTE_WRITE)
}

function noPage(): HmmError {
  return new HmmError('EFAULT', { message: 'there is no page of the file for the breakpoint' })
}

function noMemory(): HmmError {
  return new HmmError('ENOMEM', { message: 'no memory for a copy of the page' })
}
