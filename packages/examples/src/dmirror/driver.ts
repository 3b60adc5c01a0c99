import {
  HmmError,
  type AddressSpace,
  type Device,
  type MirroredRange,
  type MirrorMapping,
  type PageFrame,
  type VirtualRange,
} from '@hmm-sdk/hmm-api'
import { migrateToDevice, migrateToSystem } from './migrate.js'
import { PageTable } from './page-table.js'
import { Regions } from './regions.js'
import { snapshot } from './snapshot.js'
import { Transfer } from './transfer.js'

/** Most pages of one map: what is mapped together must be valid together. */
const MAP_PAGES = 512
/** Fault rounds of one command, before it is EBUSY that the process takes its pages back. */
const MAX_ROUNDS = 1000

/** What a command did. */
export interface DmirrorResult {
  /** Pages that it reached. */
  readonly pages: number
  /** Rounds of faults that it needed. */
  readonly faults: number
}

/** What a command did, and what the device read. */
export interface DmirrorData extends DmirrorResult {
  readonly data: Uint8Array
}

/** What the tests ask of a driver; the kernel's own can stand behind it as well. */
export interface Dmirror {
  read(range: VirtualRange): Promise<DmirrorData>
  write(range: VirtualRange, data: Uint8Array): Promise<DmirrorResult>
  migrateToDevice(range: VirtualRange): Promise<DmirrorData>
  migrateToSystem(range: VirtualRange): Promise<{ readonly pages: number }>
  snapshot(range: VirtualRange): Promise<Uint8Array>
  exclusive(range: VirtualRange): Promise<DmirrorData>
  checkExclusive(range: VirtualRange): Promise<void>
  release(): Promise<void>
  setFlags(flags: { readonly failAllocation: boolean }): void | Promise<void>
  close(): Promise<void>
}

/**
 * Mirrors a process on a device, and does what it is told: the kernel's own test driver
 * (`lib/test_hmm.c`), by its commands. One of these is what `open()` gives there.
 *
 * A range is checked where it is made. Errors of all commands, unless said otherwise: those of
 * `mirror.map` (EFAULT, EPERM, ENOMEM, EBUSY), ESRCH when the process is gone.
 */
export class DmirrorDriver implements Dmirror, AsyncDisposable {
  readonly #device: Device
  readonly #space: AddressSpace
  readonly #zeroPage: PageFrame | undefined
  readonly #table = new PageTable()
  readonly #regions: Regions
  #failAllocation = false
  #closing: Promise<void> | undefined

  /** `zeroPage`, as {@link findZeroPage} finds it, is only needed for snapshots that name it. */
  constructor(device: Device, space: AddressSpace, options: { zeroPage?: PageFrame } = {}) {
    this.#device = device
    this.#space = space
    this.#zeroPage = options.zeroPage
    // The pages are revoked already, whoever took them: also by what this driver migrates itself,
    // the device finds them somewhere else now.
    this.#regions = new Regions(device, space, (event) => this.#table.drop(event.range))
  }

  /** The device reads the pages; what is missing is faulted in. */
  async read(range: VirtualRange): Promise<DmirrorData> {
    const data = new Uint8Array(range.pages * this.#space.pageSize)
    const transfer = new Transfer(this.#device, this.#table, range)
    const done = await this.#repeat(range, 'read', (from) => transfer.read(data, from))
    return { ...done, data }
  }

  /** The device writes the pages; what is missing, or may only be read, is faulted in for writing. */
  async write(range: VirtualRange, data: Uint8Array): Promise<DmirrorResult> {
    if (data.length !== range.pages * this.#space.pageSize) {
      throw new TypeError(`${data.length} bytes do not fill ${range.toString()}`)
    }
    const transfer = new Transfer(this.#device, this.#table, range)
    return this.#repeat(range, 'write', (from) => transfer.write(data, from))
  }

  /**
   * Moves the pages to the device's memory, and reads them there. Errors: EINVAL (a hole in the
   * range, or memory that may not be read), ENOENT if any page stayed where it was.
   */
  async migrateToDevice(range: VirtualRange): Promise<DmirrorData> {
    const failAllocation = this.#takeFlag()
    const pieces = await this.#regions.split(range, MAP_PAGES)
    await migrateToDevice(this.#device, this.#table, pieces, failAllocation)
    return this.#readMapped(range)
  }

  /** Moves the pages back; how many did. Errors: as above, ENOMEM when told to fail. */
  async migrateToSystem(range: VirtualRange): Promise<{ readonly pages: number }> {
    const failAllocation = this.#takeFlag()
    const pieces = await this.#regions.split(range, MAP_PAGES)
    return { pages: await migrateToSystem(this.#device, pieces, failAllocation) }
  }

  /** One byte for each page, see `PROT`. Faults nothing in. */
  snapshot(range: VirtualRange): Promise<Uint8Array> {
    return snapshot(this.#device, this.#space, range, this.#zeroPage)
  }

  /**
   * Takes the pages for the device alone, and reads them. Errors: those of `mirror.exclusive`,
   * ENOENT when the process took a page back before it was read.
   */
  async exclusive(range: VirtualRange): Promise<DmirrorData> {
    const { pages = MAP_PAGES } = this.#device.capabilities.require('exclusive')
    for (const piece of await this.#regions.split(range, Math.min(pages, MAP_PAGES))) {
      await piece.mirror.exclusive(piece.range, {}, (mapping) => this.#install(mapping))
    }
    return this.#readMapped(range)
  }

  /** EPERM if the device still has one of the pages for itself. */
  async checkExclusive(range: VirtualRange): Promise<void> {
    for (const { mirror, range: piece } of await this.#regions.split(range, range.pages)) {
      // Waits for invalidations that run: what the table says after it is true of a moment after it.
      await mirror.readBegin()
      for (let index = 0; index < piece.pages; index++) {
        if (this.#table.lookup(piece.startPage + index, ['atomic']) === undefined) continue
        throw new HmmError('EPERM', { range: piece, page: index, message: 'the page is exclusive' })
      }
    }
  }

  /** Brings every page of the device's memory back, of whatever process. */
  async release(): Promise<void> {
    await this.#device.memory.evict()
  }

  /** `failAllocation`: the next migration finds no memory for its first page. */
  setFlags(flags: { readonly failAllocation: boolean }): void {
    this.#failAllocation = flags.failAllocation
  }

  /** Stops mirroring; and empties the device's memory, also of pages that others have there. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    await this.#regions.close()
    this.#table.clear()
    if (this.#device.capabilities.has('memory')) await this.release()
  }

  /** Moves what is there, faults in the rest, until nothing is missing. */
  async #repeat(
    range: VirtualRange,
    access: 'read' | 'write',
    move: (from: number) => Promise<number>,
  ): Promise<DmirrorResult> {
    let pages = await move(0)
    let faults = 0
    for (; pages < range.pages; faults++) {
      if (faults === MAX_ROUNDS) {
        throw new HmmError('EBUSY', {
          range,
          page: pages,
          message: 'the page is taken back again and again',
        })
      }
      await this.#fault(range.slice(pages, range.pages - pages), access)
      pages = await move(pages)
    }
    return { pages, faults }
  }

  async #fault(range: VirtualRange, access: 'read' | 'write'): Promise<void> {
    const { pagesPerMap = MAP_PAGES } = this.#device.capabilities.require('dma.mirror')
    for (const piece of await this.#regions.split(range, Math.min(pagesPerMap, MAP_PAGES))) {
      if (access === 'write') this.#giveUpExclusive(piece)
      await this.#device.dma.map(piece, { access }, (mapping) => this.#install(mapping))
    }
  }

  /**
   * A map keeps exclusive pages what they are. For the kernel's driver they are not there to be written:
   * its fault takes them back first.
   */
  #giveUpExclusive({ mirror, range }: MirroredRange): void {
    for (let index = 0; index < range.pages; index++) {
      const page = range.page(index)
      if (this.#table.lookup(page.startPage, ['atomic']) === undefined) continue
      this.#table.drop(page)
      mirror.unmap(page)
    }
  }

  // Runs only if the pages are still valid, and nothing can change that while it runs.
  #install(mapping: MirrorMapping): void {
    if (this.#closing !== undefined) return
    for (let index = 0; index < mapping.pages; index++) this.#table.install(mapping, index)
  }

  /** Reads what is in the table, without asking for more. */
  async #readMapped(range: VirtualRange): Promise<DmirrorData> {
    const data = new Uint8Array(range.pages * this.#space.pageSize)
    const pages = await new Transfer(this.#device, this.#table, range).read(data, 0)
    if (pages < range.pages) {
      throw new HmmError('ENOENT', {
        range,
        page: pages,
        message: 'the device does not have the page',
      })
    }
    return { pages, faults: 0, data }
  }

  #takeFlag(): boolean {
    const failAllocation = this.#failAllocation
    this.#failAllocation = false
    return failAllocation
  }
}
