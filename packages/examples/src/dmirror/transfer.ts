import { HmmError, type Device, type VirtualRange } from '@hmm-sdk/hmm-api'
import type { PageEntry, PageTable, PageTag } from './page-table.js'

const READABLE: readonly PageTag[] = ['read', 'write', 'atomic']
const WRITABLE: readonly PageTag[] = ['write']

/** Moves whole pages through the device's page table, until a page is missing. */
export class Transfer {
  readonly #device: Device
  readonly #table: PageTable
  readonly #range: VirtualRange
  readonly #pageSize: number

  constructor(device: Device, table: PageTable, range: VirtualRange) {
    this.#device = device
    this.#table = table
    this.#range = range
    this.#pageSize = 2 ** range.pageShift
  }

  /** Reads into `data` from page index `from` on; the index of the first page that is missing. */
  read(data: Uint8Array, from: number): Promise<number> {
    return this.#move(from, READABLE, async (entry, offset, length) => {
      data.set(await this.#device.engine.read(entry.address, length), offset)
    })
  }

  /** Writes from `data`, likewise; a page without the right to write is missing. */
  write(data: Uint8Array, from: number): Promise<number> {
    return this.#move(from, WRITABLE, (entry, offset, length) =>
      this.#device.engine.write(entry.address, data.subarray(offset, offset + length)),
    )
  }

  async #move(
    from: number,
    tags: readonly PageTag[],
    run: (entry: PageEntry, offset: number, length: number) => Promise<void>,
  ): Promise<number> {
    const { pages, startPage } = this.#range
    let at = from
    while (at < pages) {
      const entry = this.#table.lookup(startPage + at, tags)
      if (entry === undefined) break
      const count = this.#countRun(entry, at, tags)
      try {
        await run(entry, at * this.#pageSize, count * this.#pageSize)
      } catch (error) {
        // Revoked while the device was on its way to it: as good as missing.
        if (HmmError.is(error, 'EFAULT')) break
        throw error
      }
      at += count
    }
    return at
  }

  /** Pages from `at` on that follow each other for the device, as many as one access moves. */
  #countRun(entry: PageEntry, at: number, tags: readonly PageTag[]): number {
    const most = Math.min(
      this.#range.pages - at,
      Math.max(1, Math.floor(this.#device.engine.maxBytes / this.#pageSize)),
    )
    let count = 1
    while (count < most) {
      const next = this.#table.lookup(this.#range.startPage + at + count, tags)
      if (next?.dmaPage !== entry.dmaPage + count) break
      count += 1
    }
    return count
  }
}
