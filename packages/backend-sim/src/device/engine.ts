import { HmmError } from '@hmm-sdk/hmm-api'
import type { RawEngine } from '@hmm-sdk/hmm-api/raw'
import type { DeviceDma } from '../dma/device-dma.js'
import { IOPTE_EXCLUSIVE, IOPTE_FRAME } from '../dma/iopte.js'
import { FRAME_DIRTY } from '../mm/frame-table.js'
import { POINT_TRANSFER } from '../sim/failure-point.js'
import type { Operation } from '../sim/operation.js'
import type { Explorer } from '../sim/scheduler.js'
import type { Simulation } from '../sim/simulation.js'

/** Pages of a leaf of the IOMMU's table. */
const LEAF_PAGES = 512

/** The bus master of a simulated device: every access goes through its translation. */
export class SimEngine implements RawEngine {
  readonly maxBytes = 2 ** 20
  readonly #simulation: Simulation
  readonly #deviceId: number
  readonly #dma: DeviceDma

  constructor(simulation: Simulation, deviceId: number, dma: DeviceDma) {
    this.#simulation = simulation
    this.#deviceId = deviceId
    this.#dma = dma
  }

  read(dmaPage: number, offset: number, length: number): Promise<Uint8Array> {
    return this.#simulation.run(this.#read(dmaPage, offset, length))
  }

  write(dmaPage: number, offset: number, bytes: Uint8Array): Promise<void> {
    const { frames } = this.#simulation.machine
    return this.#simulation.run(
      this.#access(dmaPage, offset, bytes.length, true, (frame, inPage, at, count, page) => {
        const part = bytes.subarray(at, at + count)
        if (page >= 0) this.#written(page, inPage, part, frame)
        frames.write(frame, inPage, part)
        frames.flags[frame]! |= FRAME_DIRTY
      }),
    )
  }

  fetchAdd(dmaPage: number, offset: number, delta: number): Promise<number> {
    return this.#simulation.run(this.#fetchAdd(dmaPage, offset, delta))
  }

  *#read(dmaPage: number, offset: number, length: number): Operation<Uint8Array> {
    const { frames } = this.#simulation.machine
    const bytes = new Uint8Array(length)
    yield* this.#access(dmaPage, offset, length, false, (frame, inPage, at, count, page) => {
      frames.read(frame, inPage, bytes, at, count)
      if (page >= 0) this.#wasRead(page, inPage, bytes.subarray(at, at + count))
    })
    return bytes
  }

  *#fetchAdd(dmaPage: number, offset: number, delta: number): Operation<number> {
    const { scheduler, frames, costs, pageSize } = this.#simulation.machine
    const page = dmaPage + Math.floor(offset / pageSize)
    if (scheduler.explorer !== undefined) {
      this.#checkStale(scheduler.explorer, page, 1, 'atomic')
      if (scheduler.stopsAt('dma', this.#dma)) yield scheduler.stop
    }
    this.#begin()
    scheduler.charge(costs.transfer)
    const start = dmaPage * pageSize + offset
    const entry = this.#translate(page, offset % pageSize, true, 'atomic', start)
    if ((entry & IOPTE_EXCLUSIVE) === 0) {
      throw new HmmError('EPERM', {
        message: 'atomics work only on pages that the device has for itself',
        hint: 'Map the page with mirror.exclusive.',
      })
    }
    const frame = entry & IOPTE_FRAME
    const inPage = offset % pageSize
    const bytes = frames.writable(frame)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const word = bytes.subarray(inPage, inPage + 4)
    const before = view.getUint32(inPage, true)
    if (scheduler.explorer !== undefined) this.#wasRead(page, inPage, word)
    view.setUint32(inPage, before + delta, true)
    if (scheduler.explorer !== undefined) this.#written(page, inPage, word, frame)
    return before
  }

  *#access(
    dmaPage: number,
    offset: number,
    length: number,
    write: boolean,
    move: (frame: number, inPage: number, at: number, count: number, page: number) => void,
  ): Operation<void> {
    const { scheduler, costs, pageSize, dma } = this.#simulation.machine
    // Before anything waits: the driver is still on the stack.
    const by = dma.sites.here()
    if (scheduler.explorer !== undefined) {
      const pages = Math.ceil((offset + length) / pageSize)
      this.#checkStale(scheduler.explorer, dmaPage, pages, write ? 'write' : 'read')
      if (scheduler.stopsAt('dma', this.#dma, write)) yield scheduler.stop
    }
    this.#begin()
    scheduler.charge(costs.transfer)
    const start = dmaPage * pageSize + offset
    this.#dma.access.by = by
    this.#dma.access.before(dmaPage, offset, length, write)
    for (let at = 0; at < length;) {
      const position = offset + at
      const inPage = position % pageSize
      const count = Math.min(pageSize - inPage, length - at)
      const page = dmaPage + Math.floor(position / pageSize)
      // A long transfer is no single step: one per table of the IOMMU.
      if (at > 0 && page % LEAF_PAGES === 0 && inPage === 0) {
        if (scheduler.stopsAt('dma', this.#dma, write)) yield scheduler.stop
      }
      this.#dma.access.by = by
      const entry = this.#translate(page, inPage, write, write ? 'write' : 'read', start)
      // The page matters to nobody but who looks for lost updates.
      const watched = scheduler.explorer?.updates === undefined ? -1 : page
      move(entry & IOPTE_FRAME, inPage, at, count, watched)
      at += count
    }
  }

  #wasRead(dmaPage: number, inPage: number, bytes: Uint8Array): void {
    const there = this.#dma.mirroredAt(dmaPage)
    there?.mm.updates?.read(there.page, inPage, bytes)
  }

  #written(dmaPage: number, inPage: number, bytes: Uint8Array, frame: number): void {
    const there = this.#dma.mirroredAt(dmaPage)
    there?.mm.updates?.writtenByDevice(there.page, inPage, bytes, frame)
  }

  /**
   * An access that begins after the page was taken away, and the driver told, is a finding; one that
   * is under way when the page goes is not.
   */
  #checkStale(explorer: Explorer, first: number, pages: number, access: string): void {
    if (this.#simulation.invalidations.pending) return
    for (let page = first; page < first + pages; page++) {
      if (this.#dma.routeOf(page).mapped(page)) continue
      // What the checker of DMA knows, it reports with more to say.
      if (this.#dma.recent.has(page * this.#simulation.machine.pageSize)) return
      const address = (BigInt(page) << BigInt(this.#simulation.machine.pageShift)).toString(16)
      explorer.report(
        'stale-access',
        `the device begins a ${access} of what is not mapped any more (DMA address 0x${address})\n` +
          '  Drop translations in invalidate and before unmap or close, and stop what uses them.',
      )
      return
    }
  }

  #begin(): void {
    if (!this.#simulation.machine.failures.fails(POINT_TRANSFER)) return
    throw new HmmError('EIO', { message: 'the transfer failed on the bus; nothing was moved' })
  }

  #translate(page: number, inPage: number, write: boolean, access: string, start: number): number {
    const entry = this.#dma.routeOf(page).translate(page, write)
    if (typeof entry === 'number') return entry
    const { tracer, pageShift } = this.#simulation.machine
    this.#dma.access.failed(start, page, write, entry)
    tracer.counters.deviceFaults++
    const address = (BigInt(page) << BigInt(pageShift)) + BigInt(inPage)
    tracer.emit({ type: 'device-fault', device: this.#deviceId, address, access, source: entry })
    throw new HmmError('EFAULT', {
      message: `device ${access} of DMA address 0x${address.toString(16)}: ${entry}`,
      hint: 'The address was never mapped, was revoked, or lacks the right.',
      retryable: false,
    })
  }
}
