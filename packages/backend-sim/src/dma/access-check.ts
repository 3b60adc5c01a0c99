import type { Machine } from '../sim/machine.js'
import type { DeviceDma } from './device-dma.js'
import type { TranslationFault } from './dma-translation.js'
import type { DmaCheck } from './dma-checker.js'
import type { SimDmaMapping } from './streaming-mapping.js'

/** Bytes of DMA space, `[start, end)`. */
interface Range {
  readonly start: number
  readonly end: number
}

/** A coherent buffer. */
interface CoherentRange extends Range {
  readonly dmaPage: number
  /** Blocks that a pool has handed out, by their offset; undefined if it is not a pool's. */
  blocks: Map<number, number> | undefined
}

/**
 * Watches what a device does with the addresses it was given: whether they are still mapped, are
 * long enough, have the direction, and whose turn it is. Nothing is changed by it.
 */
export class AccessCheck {
  /** The call of the driver that made the device access memory, if that is recorded. */
  by: string | undefined
  readonly #machine: Machine
  readonly #dma: DeviceDma
  readonly #name: string
  readonly #coherent: CoherentRange[] = []
  #last: SimDmaMapping | undefined

  constructor(machine: Machine, dma: DeviceDma, name: string) {
    this.#machine = machine
    this.#dma = dma
    this.#name = name
  }

  get hasCoherent(): boolean {
    return this.#coherent.length > 0
  }

  /** A coherent buffer of `bytes` is there from now on. */
  allocated(dmaPage: number, bytes: number): CoherentRange {
    const start = dmaPage * this.#machine.pageSize
    const range = { dmaPage, start, end: start + bytes, blocks: undefined }
    this.#coherent.push(range)
    return range
  }

  freed(range: CoherentRange): void {
    this.#coherent.splice(this.#coherent.indexOf(range), 1)
    const { sites } = this.#machine.dma
    const { dmaPage, start, end } = range
    this.#dma.recent.add(dmaPage, 0, end - start, sites.unmapped(range))
  }

  /** The device is about to access bytes. */
  before(dmaPage: number, offset: number, length: number, write: boolean): void {
    const { pageSize } = this.#machine
    const page = dmaPage + Math.floor(offset / pageSize)
    // Mirrors and windows are not looked up here: what they allow is in the IOMMU's table.
    if (!this.#dma.routeOf(page).classic(page)) return
    const start = dmaPage * pageSize + offset
    const mapping = this.#find(start)
    if (mapping !== undefined) this.#ofMapping(mapping, start, length, write)
    else if (!this.#ofCoherent(start, length)) this.#ofNothing(start, length, write)
  }

  /** The access that begins at `start` failed at `page`, because of `why`. */
  failed(start: number, page: number, write: boolean, why: TranslationFault): void {
    const { pageSize } = this.#machine
    const address = Math.max(start, page * pageSize)
    const access = this.#describe(address, write)
    const link = this.#dma.linkAt(page)
    if (why === 'not-synced') {
      this.#report('window-not-synced', `${access}: linked and not synchronised`, link)
    } else if (why === 'read-only') {
      // Of mappings that is known before; what a mirror does not grant is a fault to be served.
      if (link !== undefined) this.#report('wrong-direction', `${access}, linked 'to-device'`, link)
    } else if (!this.#inMapping(start) && this.#dma.recent.has(address)) {
      this.#reportRecent(address, `${access}: it was unmapped before`)
    } else {
      const before = this.#dma.linkAt(Math.floor(start / pageSize))
      if (before !== undefined) {
        this.#report('beyond-mapping', `${access}, behind what is linked in the window`, before)
      }
    }
  }

  /** The device reached the page by a translation that was not flushed yet. */
  stale(page: number): void {
    const address = page * this.#machine.pageSize
    const what =
      `device '${this.#name}' reached DMA page 0x${page.toString(16)} after unmap, by a ` +
      'translation that was not flushed yet'
    const known = this.#dma.recent.sitesOf(address)
    this.#machine.dma.checker.report('stale-translation', what, known, this.by)
  }

  /** A mapping in words. */
  describe(mapping: SimDmaMapping): string {
    const { start, bytes, direction } = mapping
    const address = mapping.dmaPage * this.#machine.pageSize + mapping.offset
    return `mapping 0x${address.toString(16)}+${bytes} (${direction}, byte ${start} of its buffer)`
  }

  #ofMapping(mapping: SimDmaMapping, start: number, length: number, write: boolean): void {
    const access = this.#describe(start, write)
    let [from, left] = [start, length]
    for (let each = mapping; ; each = each.follower) {
      const at = from - each.dmaPage * this.#machine.pageSize - each.offset
      const inside = Math.min(left, each.bytes - at)
      this.#ofPiece(each, at, inside, write, access)
      left -= inside
      from += inside
      if (left === 0) return
      if (each.follower === undefined || !each.follower.live) break
    }
    // Without an IOMMU two mappings of the same bytes have the same addresses.
    const all = (each: SimDmaMapping): boolean =>
      this.#holds(each, start) && this.#holds(each, start + length - 1)
    if (this.#dma.mappings.list().some(all)) return
    const where = `${access}, in ${this.describe(mapping)}`
    this.#report('beyond-mapping', `${where}: ${length} bytes run out of it`, mapping)
  }

  #ofPiece(
    mapping: SimDmaMapping,
    at: number,
    length: number,
    write: boolean,
    access: string,
  ): void {
    const where = (): string => `${access}, in ${this.describe(mapping)}`
    if (write) {
      if (mapping.direction === 'to-device') this.#report('wrong-direction', where(), mapping)
      mapping.deviceWrites(at, length)
    } else if (mapping.readsStale(at, length)) {
      const what = `${where()}: the CPU wrote there and did not sync`
      this.#report('missing-sync-device', what, mapping)
    }
  }

  #ofCoherent(start: number, length: number): boolean {
    const range = this.#coherent.find((each) => start >= each.start && start < each.end)
    if (range === undefined) return false
    const access = this.#describe(start, false)
    if (range.blocks !== undefined) {
      const block = [...range.blocks].find(
        ([offset, bytes]) => start >= range.start + offset && start < range.start + offset + bytes,
      )
      if (block === undefined) {
        const what = `${access}: no block of the pool is in use there`
        this.#report('pool-use-after-free', what, range)
      } else if (start + length > range.start + block[0] + block[1]) {
        const text = `${length} bytes run out of a block of ${block[1]}`
        this.#report('beyond-mapping', `${access}: ${text}`, range)
      }
    } else if (start + length > range.end) {
      const text = `${length} bytes run out of a coherent buffer of ${range.end - range.start}`
      this.#report('beyond-mapping', `${access}: ${text}`, range)
    }
    return true
  }

  /** The page can be reached, the bytes are mapped by nobody. */
  #ofNothing(start: number, length: number, write: boolean): void {
    const access = this.#describe(start, write)
    if (this.#dma.recent.has(start)) {
      this.#reportRecent(start, `${access}: it was unmapped before`)
    } else if (this.#dma.translation.domain !== undefined) {
      this.#report('beyond-mapping', `${access}: ${length} bytes of the page outside a mapping`)
    }
  }

  #inMapping(address: number): boolean {
    return this.#find(address) !== undefined
  }

  /** The live mapping that holds the byte: mostly the last one found, or one made lately. */
  #find(address: number): SimDmaMapping | undefined {
    if (this.#last !== undefined && this.#last.live && this.#holds(this.#last, address)) {
      return this.#last
    }
    const { mappings } = this.#dma
    for (let place = mappings.count - 1; place >= 0; place--) {
      const mapping = mappings.at(place)
      if (!this.#holds(mapping, address)) continue
      this.#last = mapping
      return mapping
    }
    return undefined
  }

  #holds(mapping: SimDmaMapping, address: number): boolean {
    const at = address - mapping.dmaPage * this.#machine.pageSize - mapping.offset
    return at >= 0 && at < mapping.bytes
  }

  #describe(address: number, write: boolean): string {
    const access = write ? 'writes' : 'reads'
    return `device '${this.#name}' ${access} DMA address 0x${address.toString(16)}`
  }

  #report(check: DmaCheck, text: string, made?: object): void {
    const { checker, sites } = this.#machine.dma
    checker.report(check, text, sites.of(made), this.by)
  }

  #reportRecent(address: number, text: string): void {
    const known = this.#dma.recent.sitesOf(address)
    this.#machine.dma.checker.report('use-after-unmap', text, known, this.by)
  }
}
