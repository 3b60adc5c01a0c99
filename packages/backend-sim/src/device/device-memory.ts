import { POINT_COPY, POINT_DEVICE_PAGE } from '../sim/failure-point.js'
import { HmmError } from '@hmm-sdk/hmm-api'
import {
  MIGRATE_OUTCOMES,
  type DeviceMemoryKind,
  type RawDeviceMemory,
  type RawMigrate,
  type RawMigrateReport,
  type RawMirror,
  type RawWait,
} from '@hmm-sdk/hmm-api/raw'
import { SimMirror } from '../hmm/mirror.js'
import type { DevPagemap } from '../mm/dev-pagemap.js'
import { FAULT_DONE, FAULT_OOM } from '../mm/fault-code.js'
import { evictBlock, evictFrame } from '../mm/evict-frame.js'
import { deviceFlags, FRAME_LOCKED } from '../mm/frame-table.js'
import type { MemoryMap } from '../mm/memory-map.js'
import { MigrateVma } from '../mm/migrate-vma.js'
import { VM_HUGETLB, VM_IO, VM_MIXEDMAP, VM_PFNMAP, type Vma } from '../mm/vma.js'
import { Deadline } from '../sim/deadline.js'
import type { Operation } from '../sim/operation.js'
import type { Simulation } from '../sim/simulation.js'
import { DeviceFrames } from './device-frames.js'

/** Most pages of one `MigrateVma`, which ends at a multiple of them: a block is never cut. */
const CHUNK_PAGES = 512
/** How often closing tries to bring pages back. */
const EVICT_ROUNDS = 4
const MIGRATED = MIGRATE_OUTCOMES.indexOf('migrated')
const POPULATED = MIGRATE_OUTCOMES.indexOf('populated')

/** What memory a device has. */
export interface MemoryOptions {
  readonly pages: number
  readonly kind: DeviceMemoryKind
}

/**
 * log2 of the largest block that moves whole to or from that memory. Pages of device-coherent memory
 * move one by one: up to 7.3 the kernel cannot move a block of it out of a pin's way
 * (`migrate_device_coherent_folio`).
 */
export function memoryOrder(simulation: Simulation, { pages, kind }: MemoryOptions): number {
  if (kind === 'coherent') return 0
  const { bits } = simulation.machine.pageTables
  return 1 << bits <= Math.min(pages, CHUNK_PAGES) ? bits : 0
}

/** The memory of one device. */
export class SimDeviceMemory implements RawDeviceMemory, DevPagemap {
  readonly pages: number
  readonly kind: DeviceMemoryKind
  readonly owner: object
  readonly #simulation: Simulation
  readonly #deviceId: number
  readonly #frames: DeviceFrames
  #cpuFaultPages = 1
  #onCpuFault: ((pages: number) => void) | undefined

  constructor(simulation: Simulation, deviceId: number, options: MemoryOptions, owner: object) {
    this.#simulation = simulation
    this.#deviceId = deviceId
    this.pages = options.pages
    this.kind = options.kind
    const { frames } = simulation.machine
    const order = memoryOrder(simulation, options)
    const blockPages = order === 0 ? 0 : 1 << order
    this.#frames = new DeviceFrames(frames, options.pages, blockPages, deviceFlags(options))
    this.owner = owner
  }

  get firstFrame(): number {
    return this.#frames.first
  }

  get frames(): number {
    return this.#frames.frames
  }

  freePages(): number {
    return this.#frames.free
  }

  frameFreed(frame: number): void {
    this.#frames.freed(frame)
  }

  setCpuFaultPages(pages: number): void {
    this.#cpuFaultPages = pages
  }

  onCpuFault(listener: ((pages: number) => void) | undefined): void {
    this.#onCpuFault = listener
  }

  migrate(mirror: RawMirror, request: RawMigrate, wait: RawWait): Promise<RawMigrateReport> {
    if (!(mirror instanceof SimMirror)) throw new TypeError('the mirror is of another backend')
    const deadline = new Deadline(this.#simulation.machine.scheduler, wait)
    return this.#simulation.run(this.#migrate(mirror, request, deadline), wait.flow)
  }

  evict(wait: RawWait): Promise<number> {
    const deadline = new Deadline(this.#simulation.machine.scheduler, wait)
    return this.#simulation.run(this.#evict(deadline))
  }

  /**
   * `dev_pagemap_ops.migrate_to_ram`: the touched page, and its neighbours by the policy; a block
   * that is mapped as one comes back whole, if there is one of system memory.
   */
  *migrateToRam(mm: MemoryMap, page: number, frame: number): Operation<number> {
    const { machine } = mm
    if ((machine.frames.flags[frame]! & FRAME_LOCKED) !== 0) {
      yield machine.pageUnlocked.park()
      return FAULT_DONE
    }
    const vma = mm.vmas.find(page)!
    const pages = mm.tables.isHuge(page)
      ? Math.max(mm.tables.leafPages, this.#cpuFaultPages)
      : this.#cpuFaultPages
    const block = page - (page % pages)
    const start = Math.max(vma.start, block)
    const end = Math.min(vma.end, block + pages)
    const migration = new MigrateVma(mm, vma, { start, end }, 'system', this)
    const failed = yield* this.#run(mm, migration, 'system', undefined, start)
    const moved = count(migration.outcomes)
    this.#account(mm, 'system', 'cpu-fault', start, moved)
    if (moved > 0) this.#onCpuFault?.(moved)
    return failed === page ? FAULT_OOM : FAULT_DONE
  }

  /** Brings all pages back and gives up the memory; pages that could not be moved are counted. */
  *close(): Operation<number> {
    const deadline = new Deadline(this.#simulation.machine.scheduler, undefined)
    let left = this.pages - this.freePages()
    // What could not be moved for a moment (no memory, a locked page) may move the next time.
    for (let round = 0; left > 0 && round < EVICT_ROUNDS; round++) {
      yield* this.#evict(deadline)
      left = this.pages - this.freePages()
    }
    if (left === 0 && this.firstFrame !== 0) this.#simulation.machine.frames.removePagemap(this)
    return left
  }

  *#migrate(
    mirror: SimMirror,
    request: RawMigrate,
    deadline: Deadline,
  ): Operation<RawMigrateReport> {
    const { mm } = mirror
    const start = mirror.startPage + request.first
    const end = start + request.pages
    const outcomes = new Uint8Array(request.pages)
    const { declined: declines, order } = request
    const declined = new Uint8Array(request.pages)
    for (const index of declines) declined[index] = 1
    yield* mm.lock.read()
    try {
      if (!mm.alive) throw new HmmError('ESRCH', { message: 'the process is gone' })
      for (let from = start; from < end;) {
        deadline.check()
        const vma = migratable(mm, from, start)
        const to = Math.min(end, vma.end, from - (from % CHUNK_PAGES) + CHUNK_PAGES)
        const migration = new MigrateVma(mm, vma, { start: from, end: to }, request.to, this)
        const part = declined.subarray(from - start, to - start)
        const single = order < mm.tables.order || part.includes(1)
        yield* this.#run(mm, migration, request.to, single ? part : undefined, from)
        outcomes.set(migration.outcomes, from - start)
        this.#account(mm, request.to, 'call', from, count(migration.outcomes))
        from = to
      }
      return { outcomes }
    } finally {
      mm.lock.releaseRead()
    }
  }

  /**
   * One migration through its phases; the first page that had no memory, or -1. With a list of
   * declined pages, blocks are split: their pages move one by one.
   */
  *#run(
    mm: MemoryMap,
    migration: MigrateVma,
    to: 'device' | 'system',
    declined: Uint8Array | undefined,
    start: number,
  ): Operation<number> {
    const { scheduler } = mm.machine
    const block = declined === undefined && migration.mayBeWhole() ? this.#allocateBlock(to) : 0
    yield* migration.collect(block !== 0)
    if (scheduler.stopsAt('migrate', mm)) yield scheduler.stop
    const destination = new Uint32Array(migration.source.length)
    let failed = -1
    if (block === 0) failed = this.#fillPages(migration, to, declined, destination, start)
    else this.#fillBlock(migration, block, destination)
    if (scheduler.stopsAt('migrate', mm)) yield scheduler.stop
    migration.pages(destination)
    if (scheduler.stopsAt('migrate', mm)) yield scheduler.stop
    migration.finalize(destination)
    return failed
  }

  /** A page with the data for each that moves; the first that has none, or -1. */
  #fillPages(
    migration: MigrateVma,
    to: 'device' | 'system',
    declined: Uint8Array | undefined,
    destination: Uint32Array,
    start: number,
  ): number {
    const { frames, failures, scheduler, costs } = this.#simulation.machine
    const { source } = migration
    let failed = -1
    for (let i = 0; i < source.length; i++) {
      if (!migration.moving(i)) continue
      if (declined?.[i] === 1) {
        migration.refuse(i, 'declined')
        continue
      }
      const frame = to === 'device' ? this.#allocate() : frames.allocate(FRAME_LOCKED)
      if (frame === 0) {
        migration.refuse(i, 'no-memory')
        if (failed < 0) failed = start + i
        continue
      }
      if (failures.fails(POINT_COPY)) {
        this.#giveBack(frame, 1)
        migration.refuse(i, 'busy')
        continue
      }
      if (source[i] !== 0) frames.copy(source[i]!, frame)
      destination[i] = frame
      scheduler.charge(costs.copy)
    }
    return failed
  }

  /** The same for a block, which moves or stays whole. */
  #fillBlock(migration: MigrateVma, block: number, destination: Uint32Array): void {
    const { frames, failures, scheduler, costs } = this.#simulation.machine
    const { source } = migration
    const pages = source.length
    const failed = migration.compound && failures.fails(POINT_COPY)
    if (!migration.compound || failed) {
      this.#giveBack(block, pages)
      for (let i = 0; failed && i < pages; i++) migration.refuse(i, 'busy')
      return
    }
    for (let i = 0; i < pages; i++) {
      if (source[i] !== 0) frames.copy(source[i]!, block + i)
      destination[i] = block + i
    }
    scheduler.charge(costs.copy * pages)
  }

  #giveBack(first: number, pages: number): void {
    const { frames } = this.#simulation.machine
    for (let frame = first; frame < first + pages; frame++) {
      frames.flags[frame]! &= ~FRAME_LOCKED
      frames.put(frame)
    }
  }

  *#evict(deadline: Deadline): Operation<number> {
    const { machine } = this.#simulation
    const { firstFrame } = this
    const end = firstFrame === 0 ? 0 : firstFrame + this.frames
    let moved = 0
    for (let frame = firstFrame; frame < end; frame++) {
      if (machine.frames.refs[frame] === 0) continue
      deadline.check()
      if (machine.scheduler.stopsAt('migrate')) yield machine.scheduler.stop
      const block = yield* evictBlock(machine, frame)
      if (block > 0) frame += block - 1
      else if (yield* evictFrame(machine, frame)) moved++
      moved += block
    }
    machine.tracer.counters.pagesMigratedToSystem += moved
    return moved
  }

  #allocate(): number {
    if (this.#simulation.machine.failures.fails(POINT_DEVICE_PAGE)) return 0
    this.#reserve()
    return this.#frames.allocate()
  }

  /** A free block, locked; 0 if there is none, and its pages will have to move one by one. */
  #allocateBlock(to: 'device' | 'system'): number {
    const { frames, failures, pageTables } = this.#simulation.machine
    if (to === 'system') return frames.allocateHuge(1 << pageTables.bits, FRAME_LOCKED)
    if (failures.fails(POINT_DEVICE_PAGE)) return 0
    this.#reserve()
    return this.#frames.allocateBlock()
  }

  #reserve(): void {
    if (this.#frames.reserve()) this.#simulation.machine.frames.addPagemap(this)
  }

  #account(
    mm: MemoryMap,
    to: 'device' | 'system',
    cause: 'call' | 'cpu-fault',
    page: number,
    moved: number,
  ): void {
    if (moved === 0) return
    const { tracer } = mm.machine
    if (to === 'device') tracer.counters.pagesMigratedToDevice += moved
    else tracer.counters.pagesMigratedToSystem += moved
    if (tracer.listener === undefined) return
    const where = { device: this.#deviceId, mirror: 0, page, pages: moved }
    tracer.emit({ type: 'page-migrate', ...where, to, cause })
  }
}

/** `migrate_vma_setup` refuses holes and memory that can never move; what came before has moved. */
function migratable(mm: MemoryMap, page: number, start: number): Vma {
  const vma = mm.vmas.find(page)
  const special = VM_IO | VM_PFNMAP | VM_MIXEDMAP | VM_HUGETLB
  if (vma !== undefined && (vma.flags & special) === 0 && !vma.file?.dax) return vma
  throw new HmmError('EINVAL', {
    page: page - start,
    message: vma === undefined ? 'the range has a hole' : 'this memory cannot migrate',
  })
}

function count(outcomes: Uint8Array): number {
  let moved = 0
  for (const outcome of outcomes) if (outcome === MIGRATED || outcome === POPULATED) moved++
  return moved
}
