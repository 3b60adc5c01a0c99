import { POINT_COPY, POINT_DEVICE_PAGE } from '../sim/failure-point.js'
import { HmmError } from '@hmm-sdk/hmm-api'
import {
  MIGRATE_OUTCOMES,
  type RawDeviceMemory,
  type RawMigrate,
  type RawMigrateReport,
  type RawMirror,
  type RawWait,
} from '@hmm-sdk/hmm-api/raw'
import { SimMirror } from '../hmm/mirror.js'
import type { DevPagemap } from '../mm/dev-pagemap.js'
import { FAULT_DONE, FAULT_OOM } from '../mm/fault-code.js'
import { FRAME_DEVICE, FRAME_LOCKED } from '../mm/frame-table.js'
import type { MemoryMap } from '../mm/memory-map.js'
import { MigrateVma } from '../mm/migrate-vma.js'
import { VM_IO, VM_PFNMAP, type Vma } from '../mm/vma.js'
import { Deadline } from '../sim/deadline.js'
import type { Operation } from '../sim/operation.js'
import type { Simulation } from '../sim/simulation.js'
import { evictFrame } from './evict-frame.js'

/** Most pages of one `MigrateVma`. */
const CHUNK_PAGES = 512
const MIGRATED = MIGRATE_OUTCOMES.indexOf('migrated')
const POPULATED = MIGRATE_OUTCOMES.indexOf('populated')

/** Device-private memory of one device. */
export class SimDeviceMemory implements RawDeviceMemory, DevPagemap {
  readonly pages: number
  readonly frames: number
  readonly owner: object
  readonly #simulation: Simulation
  readonly #deviceId: number
  /** Page frame numbers are taken when the first page is used. */
  #first = 0
  #next = 0
  readonly #free: number[] = []
  #cpuFaultPages = 1
  #onCpuFault: ((pages: number) => void) | undefined

  constructor(simulation: Simulation, deviceId: number, pages: number, owner: object) {
    this.#simulation = simulation
    this.#deviceId = deviceId
    this.pages = pages
    this.frames = pages
    this.owner = owner
  }

  get firstFrame(): number {
    return this.#first
  }

  freePages(): number {
    return this.pages - this.#next + this.#free.length
  }

  frameFreed(frame: number): void {
    this.#free.push(frame)
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
    return this.#simulation.run(this.#migrate(mirror, request, deadline))
  }

  evict(wait: RawWait): Promise<number> {
    const deadline = new Deadline(this.#simulation.machine.scheduler, wait)
    return this.#simulation.run(this.#evict(deadline))
  }

  /** `dev_pagemap_ops.migrate_to_ram`: the touched page, and its neighbours by the policy. */
  *migrateToRam(mm: MemoryMap, page: number, frame: number): Operation<number> {
    const { machine } = mm
    if ((machine.frames.flags[frame]! & FRAME_LOCKED) !== 0) {
      yield machine.pageUnlocked.park()
      return FAULT_DONE
    }
    const vma = mm.vmas.find(page)!
    const block = page - (page % this.#cpuFaultPages)
    const start = Math.max(vma.start, block)
    const end = Math.min(vma.end, block + this.#cpuFaultPages)
    const migration = new MigrateVma(mm, vma, { start, end }, 'system', this)
    const declined = new Uint8Array(end - start)
    const failed = yield* this.#run(mm, migration, 'system', declined, start)
    const moved = count(migration.outcomes)
    this.#account(mm, 'system', 'cpu-fault', start, moved)
    if (moved > 0) this.#onCpuFault?.(moved)
    return failed === page ? FAULT_OOM : FAULT_DONE
  }

  /** Brings all pages back and gives up the memory; pages that could not be moved are counted. */
  *close(): Operation<number> {
    yield* this.#evict(new Deadline(this.#simulation.machine.scheduler, undefined))
    const left = this.pages - this.freePages()
    if (left === 0 && this.#first !== 0) this.#simulation.machine.frames.removePagemap(this)
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
    const declined = new Uint8Array(request.pages)
    for (const index of request.declined) declined[index] = 1
    yield* mm.lock.read()
    try {
      if (!mm.alive) throw new HmmError('ESRCH', { message: 'the process is gone' })
      for (let from = start; from < end;) {
        deadline.check()
        const vma = migratable(mm, from, start)
        const to = Math.min(end, vma.end, from + CHUNK_PAGES)
        const migration = new MigrateVma(mm, vma, { start: from, end: to }, request.to, this)
        const part = declined.subarray(from - start, to - start)
        yield* this.#run(mm, migration, request.to, part, from)
        outcomes.set(migration.outcomes, from - start)
        this.#account(mm, request.to, 'call', from, count(migration.outcomes))
        from = to
      }
      return { outcomes }
    } finally {
      mm.lock.releaseRead()
    }
  }

  /** One migration through its phases; the first page that had no memory, or -1. */
  *#run(
    mm: MemoryMap,
    migration: MigrateVma,
    to: 'device' | 'system',
    declined: Uint8Array,
    start: number,
  ): Operation<number> {
    const { machine } = mm
    const { scheduler, frames, failures, costs } = machine
    migration.collect()
    if (scheduler.explorer !== undefined) yield scheduler.point('migrate')
    const { source } = migration
    const destination = new Uint32Array(source.length)
    let failed = -1
    for (let i = 0; i < source.length; i++) {
      if (!migration.moving(i)) continue
      if (declined[i] === 1) {
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
        frames.flags[frame]! &= ~FRAME_LOCKED
        frames.put(frame)
        migration.refuse(i, 'busy')
        continue
      }
      if (source[i] !== 0) frames.copy(source[i]!, frame)
      destination[i] = frame
      scheduler.charge(costs.copy)
    }
    if (scheduler.explorer !== undefined) yield scheduler.point('migrate')
    migration.pages(destination)
    if (scheduler.explorer !== undefined) yield scheduler.point('migrate')
    migration.finalize(destination)
    return failed
  }

  *#evict(deadline: Deadline): Operation<number> {
    const { machine } = this.#simulation
    let moved = 0
    for (let frame = this.#first; frame < this.#first + this.#next; frame++) {
      if (machine.frames.refs[frame] === 0) continue
      deadline.check()
      if (machine.scheduler.explorer !== undefined) yield machine.scheduler.point('migrate')
      if (evictFrame(machine, frame)) moved++
    }
    machine.tracer.counters.pagesMigratedToSystem += moved
    return moved
  }

  /** A free page of the memory, with one reference and locked (`zone_device_page_init`), or 0. */
  #allocate(): number {
    const { frames, failures } = this.#simulation.machine
    if (failures.fails(POINT_DEVICE_PAGE)) return 0
    let frame = this.#free.pop()
    if (frame === undefined) {
      if (this.#next === this.pages) return 0
      if (this.#first === 0) {
        this.#first = frames.reserve(this.pages)
        frames.addPagemap(this)
      }
      frame = this.#first + this.#next++
    }
    frames.refs[frame] = 1
    frames.flags[frame] = FRAME_DEVICE | FRAME_LOCKED
    return frame
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
  if (vma !== undefined && (vma.flags & (VM_IO | VM_PFNMAP)) === 0) return vma
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
