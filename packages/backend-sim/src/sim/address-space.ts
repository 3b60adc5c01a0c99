import { HmmError, supported, type CapabilityTable } from '@hmm-sdk/hmm-api'
import type {
  Advice,
  RawAddressSpace,
  RawFile,
  RawMmap,
  RawMremap,
  RawPin,
  RawUserfault,
  RawUserfaultfd,
  RawUserfaultfdRequest,
} from '@hmm-sdk/hmm-api/raw'
import type { SimMirror } from '../hmm/mirror.js'
import { clearRefs } from '../mm/clear-refs.js'
import { pinPages } from '../mm/pin-pages.js'
import { softDirty } from '../mm/soft-dirty.js'
import { cpuAtomic, cpuRead, cpuWrite } from '../mm/cpu-access.js'
import { exitMmap } from '../mm/exit-mmap.js'
import { DaxFile } from '../mm/dax-file.js'
import { DiskFile } from '../mm/disk-file.js'
import { forkInto } from '../mm/fork.js'
import type { HugePool } from '../mm/huge-pool.js'
import { HugetlbFile } from '../mm/hugetlb-file.js'
import { ksmd } from '../mm/ksm.js'
import { madvise } from '../mm/madvise.js'
import { MemoryFile } from '../mm/memory-file.js'
import { MemoryMap } from '../mm/memory-map.js'
import { mlock, munlock } from '../mm/mlock.js'
import { mmap } from '../mm/mmap.js'
import { mprotect } from '../mm/mprotect.js'
import { mremap } from '../mm/mremap.js'
import { munmap } from '../mm/munmap.js'
import { POINT_MAPPING, POINT_PROCESS_IO, POINT_PROCESS_START } from './failure-point.js'
import { oomReap } from '../mm/oom-reaper.js'
import { numaScan } from '../mm/numa-scan.js'
import { registerUserfault } from '../mm/userfaultfd-register.js'
import { Uprobe } from '../mm/uprobe.js'
import { Userfaultfd } from '../mm/userfaultfd.js'
import { SimFile } from './file.js'
import { spaceCapabilities } from './space-capabilities.js'
import { SimUserfaultfd } from './userfaultfd.js'
import type { Operation } from './operation.js'
import type { Simulation } from './simulation.js'

const CAPABILITIES: CapabilityTable = {
  'space.fork': supported(),
  'space.exec': supported(),
  'space.file': supported(),
  'space.mremap': supported(),
  'space.atomics': supported(),
  'space.pageout': supported(),
  'space.hugepage': supported(),
  'space.userfaultfd': supported(),
  'space.soft-dirty': supported(),
  'space.mlock': supported(),
  'space.uprobe': supported(),
  'space.ksm': supported(),
  'space.numa-scan': supported(),
  'space.oom-reap': supported(),
  'space.userfaultfd.async': supported(),
  'space.userfaultfd.move': supported(),
  'space.disk': supported(),
  'space.pin': supported(),
  'space.dax': supported(),
  'space.driver-pages': supported({ pages: 1024 }),
  'space.memory-failure': supported(),
  'physical-addresses': supported(),
}

/** A simulated process; every method is its system call. */
export class SimAddressSpace implements RawAddressSpace {
  readonly id: number
  readonly name: string
  readonly pageShift: number
  readonly capabilities: CapabilityTable
  readonly mm: MemoryMap
  readonly mirrors = new Set<SimMirror>()
  readonly #simulation: Simulation
  #listeners: (() => void)[] = []
  /** What ends with the process. */
  readonly #pins = new Set<() => void>()
  readonly #uprobes = new Set<Uprobe>()

  constructor(simulation: Simulation, name: string) {
    this.#simulation = simulation
    this.id = simulation.newId()
    this.name = name
    this.pageShift = simulation.machine.pageShift
    this.capabilities = spaceCapabilities(simulation, CAPABILITIES)
    this.mm = new MemoryMap(simulation.machine, this.id)
  }

  mmap(request: RawMmap): Promise<number> {
    const { file } = request
    if (file !== undefined && !(file instanceof SimFile)) {
      throw new TypeError('the file is of another backend')
    }
    return this.#change(
      mmap(this.mm, { ...request, file: file?.file, pool: this.#pool(request.hugetlb) }),
    )
  }

  munmap(startPage: number, pages: number): Promise<void> {
    return this.#change(munmap(this.mm, startPage, startPage + pages))
  }

  mprotect(startPage: number, pages: number, protection: number): Promise<void> {
    return this.#change(mprotect(this.mm, startPage, startPage + pages, protection))
  }

  mremap(request: RawMremap): Promise<number> {
    return this.#change(mremap(this.mm, request))
  }

  madvise(startPage: number, pages: number, advice: Advice): Promise<void> {
    return this.#call(madvise(this.mm, startPage, startPage + pages, advice))
  }

  async createFile(pages: number, hugetlb?: number): Promise<RawFile> {
    const { frames, reverseMap } = this.#simulation.machine
    const pool = this.#pool(hugetlb)
    const file = new SimFile(
      this.#simulation,
      this,
      pool === undefined
        ? new MemoryFile(frames, reverseMap, pages)
        : new HugetlbFile(frames, reverseMap, pages, pool),
    )
    this.#simulation.files.add(file)
    return file
  }

  async createDaxFile(pages: number): Promise<RawFile> {
    const memory = new DaxFile(this.#simulation.machine, pages)
    const file = new SimFile(this.#simulation, this, memory)
    this.#simulation.files.add(file)
    return file
  }

  async createDiskFile(pages: number): Promise<RawFile> {
    const { frames, reverseMap } = this.#simulation.machine
    const memory = new DiskFile(frames, reverseMap, pages)
    const file = new SimFile(this.#simulation, this, memory)
    this.#simulation.files.add(file)
    return file
  }

  async oomReap(): Promise<void> {
    await this.#call(oomReap(this.mm))
  }

  fork(name: string): Promise<RawAddressSpace> {
    return this.#simulation.run(this.#fork(name))
  }

  exec(): Promise<void> {
    return this.#exit()
  }

  exit(_status: number): Promise<void> {
    return this.#exit()
  }

  kill(): Promise<void> {
    return this.#exit()
  }

  read(page: number, offset: number, length: number): Promise<Uint8Array> {
    return this.#access(cpuRead(this.mm, page, offset, length))
  }

  write(page: number, offset: number, bytes: Uint8Array): Promise<void> {
    return this.#access(cpuWrite(this.mm, page, offset, bytes))
  }

  fetchAdd(page: number, offset: number, delta: number): Promise<number> {
    return this.#access(cpuAtomic(this.mm, page, offset, (before) => before + delta))
  }

  compareExchange(
    page: number,
    offset: number,
    expected: number,
    desired: number,
  ): Promise<number> {
    const change = (before: number) => (before === expected >>> 0 ? desired : before)
    return this.#access(cpuAtomic(this.mm, page, offset, change))
  }

  async pin(startPage: number, pages: number, longTerm: boolean): Promise<RawPin> {
    const { frames, pageUnpinned } = this.#simulation.machine
    const pinned = await this.#call(pinPages(this.mm, startPage, startPage + pages, longTerm))
    const unpin = (): void => {
      this.#pins.delete(unpin)
      for (const frame of pinned.splice(0)) frames.put(frame)
      pageUnpinned.wakeAll()
    }
    this.#pins.add(unpin)
    if (!this.mm.alive) unpin()
    return { close: async () => unpin() }
  }

  /** A breakpoint in a file that the process has open. */
  async uprobe(file: MemoryFile, offset: number): Promise<RawPin> {
    const uprobe = new Uprobe(this.mm, file, offset)
    await this.#call(uprobe.register())
    this.#uprobes.add(uprobe)
    return {
      close: async () => {
        if (this.#uprobes.delete(uprobe)) await this.#simulation.run(uprobe.unregister())
      },
    }
  }

  clearSoftDirty(): Promise<void> {
    return this.#call(clearRefs(this.mm))
  }

  softDirty(startPage: number, pages: number): Promise<Uint8Array> {
    return this.#call(softDirty(this.mm, startPage, startPage + pages))
  }

  mlock(startPage: number, pages: number, lock: boolean): Promise<void> {
    const end = startPage + pages
    return this.#change((lock ? mlock : munlock)(this.mm, startPage, end))
  }

  async mergePages(startPage: number, pages: number): Promise<void> {
    await this.#call(madvise(this.mm, startPage, startPage + pages, 'mergeable'))
    const spaces = [...this.#simulation.spaces].filter(({ mm }) => mm.alive)
    await this.#simulation.run(ksmd(spaces.map(({ mm }) => mm)))
  }

  async numaScan(): Promise<void> {
    await this.#call(numaScan(this.mm))
  }

  async userfaultfd(
    request: RawUserfaultfdRequest,
    onFault: (fault: RawUserfault) => void,
  ): Promise<RawUserfaultfd> {
    const context = new Userfaultfd(this.mm, onFault, request.asynchronous)
    const end = request.startPage + request.pages
    try {
      await this.#change(registerUserfault(context, request.startPage, end, request))
    } catch (error) {
      context.release()
      throw error
    }
    return new SimUserfaultfd(this.#simulation, context)
  }

  onReleased(listener: () => void): void {
    this.#listeners.push(listener)
  }

  async close(): Promise<void> {
    if (this.mm.alive) await this.#exit()
    this.#simulation.spaces.delete(this)
  }

  async #exit(): Promise<void> {
    if (!this.mm.alive) return
    this.mm.alive = false
    await this.#simulation.run(exitMmap(this.mm, () => this.#released()))
    for (const unpin of [...this.#pins]) unpin()
    for (const uprobe of this.#uprobes) await this.#simulation.run(uprobe.unregister())
    this.#uprobes.clear()
  }

  #released(): void {
    this.#simulation.machine.tracer.emit({ type: 'space-release', space: this.id })
    for (const mirror of this.mirrors) mirror.released()
    const listeners = this.#listeners
    this.#listeners = []
    for (const listener of listeners) listener()
  }

  *#fork(name: string): Operation<RawAddressSpace> {
    this.#checkAlive()
    if (this.#simulation.machine.failures.fails(POINT_PROCESS_START)) {
      throw new HmmError('ENOMEM', { message: 'no memory for another process' })
    }
    const child = this.#simulation.newSpace(name)
    try {
      yield* forkInto(this.mm, child.mm)
    } catch (error) {
      yield* exitMmap(child.mm, () => {})
      this.#simulation.spaces.delete(child)
      throw error
    }
    return child
  }

  #pool(hugetlb: number | undefined): HugePool | undefined {
    return this.#simulation.machine.hugePools.get(hugetlb ?? 0)
  }

  #call<T>(operation: Operation<T>): Promise<T> {
    this.#checkAlive()
    return this.#simulation.run(operation)
  }

  /** A call that changes mappings: it needs memory before it changes anything. */
  #change<T>(operation: Operation<T>): Promise<T> {
    this.#checkAlive()
    if (this.#simulation.machine.failures.fails(POINT_MAPPING)) {
      throw new HmmError('ENOMEM', { message: 'no memory for the description of a mapping' })
    }
    return this.#simulation.run(operation)
  }

  #access<T>(operation: Operation<T>): Promise<T> {
    this.#checkAlive()
    if (this.#simulation.machine.failures.fails(POINT_PROCESS_IO)) {
      throw new HmmError('EIO', { message: `process '${this.name}' did not answer` })
    }
    return this.#simulation.run(operation)
  }

  #checkAlive(): void {
    if (!this.mm.alive) throw new HmmError('ESRCH', { message: `process '${this.name}' is gone` })
  }
}
