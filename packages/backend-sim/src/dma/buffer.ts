import type { RawBuffer } from '@hmm-sdk/hmm-api/raw'
import { FRAME_BUFFER } from '../mm/frame-table.js'
import type { Machine } from '../sim/machine.js'
import { ByteRanges } from './byte-ranges.js'
import { CpuCache } from './cpu-cache.js'
import { readFrames, writeFrames } from './frame-bytes.js'
import type { SimIovaWindow } from './iova-window.js'
import type { SimDmaMapping } from './streaming-mapping.js'
import { TwoCopies } from './two-copies.js'

/** Ended mappings that are remembered for one buffer. */
const MOST_UNSYNCED = 8

/** A driver's own memory: adjoining frames. */
export class SimBuffer implements RawBuffer {
  readonly bytes: number
  readonly pages: number
  readonly firstFrame: number
  /** Its live mappings, the newest first, as a list. */
  mappings: SimDmaMapping | undefined
  /** Windows that pages of it were linked into. */
  windows: Set<SimIovaWindow> | undefined
  readonly #machine: Machine
  readonly #freed: (buffer: SimBuffer) => void
  #cache: CpuCache | undefined
  /** Whether a map has more to do here than to map. */
  hasDues = false
  /** What the CPU wrote while nothing handed it over; looked at only by who does not do that. */
  #owed: ByteRanges | undefined
  /** Mappings that ended with bytes of the device that the CPU was never given. */
  #unsynced: SimDmaMapping[] | undefined
  #free = false

  /** `firstFrame` is the first of enough frames with a reference each, which the buffer owns. */
  constructor(
    machine: Machine,
    bytes: number,
    firstFrame: number,
    freed: (buffer: SimBuffer) => void,
  ) {
    this.#machine = machine
    this.bytes = bytes
    this.pages = Math.ceil(bytes / machine.pageSize)
    this.firstFrame = firstFrame
    this.#freed = freed
  }

  /** Frames for a buffer; 0 if there is no memory. */
  static allocate(machine: Machine, bytes: number): number {
    return machine.frames.allocateRun(Math.ceil(bytes / machine.pageSize), FRAME_BUFFER)
  }

  read(offset: number, length: number): Uint8Array {
    for (let each = this.mappings; each !== undefined; each = each.next) {
      each.cpuReads(offset, length)
    }
    if (this.#unsynced !== undefined) {
      for (const each of this.#unsynced) each.cpuReads(offset, length)
    }
    return this.peek(offset, length)
  }

  write(offset: number, bytes: Uint8Array): void {
    for (let each = this.mappings; each !== undefined; each = each.next) {
      each.cpuWrites(offset, bytes.length)
    }
    ;(this.#owed ??= new ByteRanges()).add(offset, offset + bytes.length)
    this.hasDues = true
    this.poke(offset, bytes)
  }

  /** What the CPU sees; no question of whose turn it is. */
  peek(offset: number, length: number): Uint8Array {
    const bytes = readFrames(this.#machine, this.firstFrame, offset, length)
    this.#cached(offset, length, (page, inPage, at, count) => {
      bytes.set(page.subarray(inPage, inPage + count), at)
    })
    return bytes
  }

  /** What the CPU writes. */
  poke(offset: number, bytes: Uint8Array): void {
    this.#cache?.copies?.cpuWrote(offset, offset + bytes.length)
    const held = this.#cached(offset, bytes.length, (page, inPage, at, count) => {
      page.set(bytes.subarray(at, at + count), inPage)
    })
    if (held < bytes.length) this.#writeUncached(offset, bytes)
  }

  /** A map or a sync handed the bytes over. */
  handedOver(start: number, bytes: number): void {
    this.#owed?.remove(start, start + bytes)
    this.#unsynced = undefined
    this.hasDues = this.#owed?.empty === false
  }

  /** Calls `visit` for the bytes among these that the CPU wrote and nothing handed over. */
  eachOwed(start: number, bytes: number, visit: (from: number, to: number) => void): void {
    this.#owed?.each(start, start + bytes, visit)
  }

  /** The mapping has ended and the CPU was not given what the device wrote. */
  leaveUnsynced(mapping: SimDmaMapping): void {
    this.#unsynced = [...(this.#unsynced ?? []).slice(-MOST_UNSYNCED + 1), mapping]
    this.hasDues = true
  }

  /**
   * A non-coherent device gets the bytes: the CPU goes on in its cache from now on. `asIs`: what is
   * in the cache already stays there.
   */
  giveToDevice(start: number, bytes: number, asIs: boolean): void {
    const { frames, pageSize } = this.#machine
    const { explorer } = this.#machine.scheduler
    this.#cache ??= new CpuCache(frames, pageSize, this.firstFrame, TwoCopies.watch(explorer))
    this.#cache.users++
    this.#cache.fetch(start, start + bytes)
    if (!asIs) this.#cache.clean(start, start + bytes)
  }

  /** A non-coherent device does not use the bytes any more. */
  takeFromDevice(start: number, bytes: number, written: boolean): void {
    const cache = this.#cache
    if (cache === undefined) return
    if (written) cache.invalidate(start, start + bytes)
    else cache.copies?.parted(start, start + bytes)
    if (--cache.users > 0) return
    cache.cleanAll()
    this.#cache = undefined
  }

  /** A non-coherent device wrote the bytes. */
  deviceWrote(start: number, bytes: number): void {
    this.#cache?.copies?.deviceWrote(start, start + bytes)
  }

  /** Moves bytes between the cache of the CPU and memory, if a non-coherent device has them. */
  syncCache(to: 'cpu' | 'device', start: number, bytes: number): void {
    if (to === 'cpu') this.#cache?.invalidate(start, start + bytes)
    else this.#cache?.clean(start, start + bytes)
  }

  free(): void {
    if (this.#free) return
    this.#free = true
    for (const window of [...(this.windows ?? [])]) window.dropBuffer(this)
    this.#machine.frames.freeRun(this.firstFrame, this.pages)
    this.#freed(this)
  }

  /** Calls `visit` for each part of the bytes that is in the cache; how many are. */
  #cached(
    offset: number,
    length: number,
    visit: (page: Uint8Array, inPage: number, at: number, count: number) => void,
  ): number {
    const cache = this.#cache
    if (cache === undefined) return 0
    const { pageSize } = this.#machine
    let held = 0
    for (let at = 0; at < length;) {
      const inPage = (offset + at) % pageSize
      const count = Math.min(pageSize - inPage, length - at)
      const page = cache.page(Math.floor((offset + at) / pageSize))
      if (page !== undefined) {
        visit(page, inPage, at, count)
        held += count
      }
      at += count
    }
    return held
  }

  #writeUncached(offset: number, bytes: Uint8Array): void {
    const { pageSize } = this.#machine
    if (this.#cache === undefined) {
      writeFrames(this.#machine, this.firstFrame, offset, bytes)
      return
    }
    for (let at = 0; at < bytes.length;) {
      const count = Math.min(pageSize - ((offset + at) % pageSize), bytes.length - at)
      if (this.#cache.page(Math.floor((offset + at) / pageSize)) === undefined) {
        const part = bytes.subarray(at, at + count)
        writeFrames(this.#machine, this.firstFrame, offset + at, part)
      }
      at += count
    }
  }
}
