import { dmaAddress, type DmaAddress, type DmaPage } from '../address/address.js'
import { HmmError } from '../error/hmm-error.js'
import type { DmaDirection, DmaMisuse, RawDmaList } from '../raw/raw-dma.js'
import type { Device } from './device.js'
import type { LiveLists } from './live-lists.js'
import { Owned } from './owned.js'
import { RAW } from './raw-of.js'

/** A run of DMA addresses, for one descriptor of the device. */
export interface DmaSegment {
  readonly address: DmaAddress
  /** Number of the DMA page that the address is in. */
  readonly dmaPage: DmaPage
  readonly bytes: number
  /** First byte of the list that it shows. */
  readonly offset: number
}

/**
 * Several pieces of memory, mapped at once (`dma_map_sgtable`). What the device is told are its
 * segments: there may be fewer than parts, where an IOMMU merges them, or more, where the limits of
 * segments cut them. Undo it with `unmap()` (or `close()`).
 */
export class DmaList extends Owned {
  readonly direction: DmaDirection
  /** Size of all parts in bytes. */
  readonly bytes: number
  readonly segments: readonly DmaSegment[]
  readonly #device: Device
  readonly #raw: RawDmaList
  readonly #parts: readonly LiveLists[]
  #mapped = true

  /** @internal */
  constructor(
    device: Device,
    raw: RawDmaList,
    parts: readonly LiveLists[],
    bytes: number,
    direction: DmaDirection,
  ) {
    super(device.context, device, 'dma-list', `${bytes} bytes in ${raw.segments.length} segments`)
    this.#device = device
    this.#raw = raw
    this.#parts = parts
    this.bytes = bytes
    this.direction = direction
    const shift = BigInt(device.dma.limits.pageShift)
    let offset = 0
    this.segments = raw.segments.map((segment) => {
      const address = (BigInt(segment.dmaPage) << shift) + BigInt(segment.offset)
      const first = offset
      offset += segment.bytes
      return {
        address: dmaAddress(address),
        dmaPage: segment.dmaPage as DmaPage,
        bytes: segment.bytes,
        offset: first,
      }
    })
    for (const part of parts) part.add(this)
  }

  /** Whether an access of the device to any of it after `unmap` is sure to fault. */
  get revocable(): boolean {
    return this.#raw.revocable
  }

  /** @internal */
  get made(): object {
    return this.#raw
  }

  /** Whether the device may write it. */
  get writable(): boolean {
    return this.direction !== 'to-device'
  }

  /**
   * DMA address of byte `offset` of the list. The bytes that follow are there only up to the end of
   * its segment. RangeError outside.
   */
  at(offset: number): DmaAddress {
    const segment = this.segments.find((each) => offset < each.offset + each.bytes)
    if (segment === undefined || !(offset >= 0)) {
      throw new RangeError(`no byte ${offset} in a list of ${this.bytes}`)
    }
    return dmaAddress(segment.address + BigInt(offset - segment.offset))
  }

  /**
   * Hands all bytes over: to the CPU before it reads what the device wrote, to the device before
   * it reads what the CPU wrote. `dma_sync_sgtable_for_cpu`, `_for_device`
   * Errors: EINVAL (unmapped, or against the direction), EBADF.
   */
  sync(to: 'cpu' | 'device'): void {
    this.#check('list.sync')
    if (to !== 'cpu' && to !== 'device') throw new TypeError(`sync is to 'cpu' or 'device'`)
    checkSyncDirection(this.#device, 'list.sync', this.#raw, to, this.direction)
    this.context.call('list.sync', undefined, () => this.#raw.sync(to))
  }

  /** Ends the mapping of all parts. Errors: EINVAL when it was unmapped already. `dma_unmap_sgtable` */
  unmap(): void {
    this.#check('list.unmap')
    this.#end()
    void this.close()
  }

  protected async doClose(): Promise<void> {
    if (this.#mapped) this.#end()
  }

  #end(): void {
    this.#mapped = false
    for (const part of this.#parts) part.delete(this)
    this.context.call('list.unmap', undefined, () => this.#raw.unmap())
  }

  #check(op: string): void {
    this.#device.checkOpen(op)
    if (this.#mapped) return
    const check: DmaMisuse = op === 'list.unmap' ? 'unmap-twice' : 'sync-unmapped'
    this.#device[RAW].dma.misuse?.(check, `${op}: list of ${this.bytes} bytes`, this.#raw)
    throw new HmmError('EINVAL', {
      op,
      backend: this.context.raw.name,
      message: `the list of ${this.bytes} bytes is unmapped already`,
      hint: 'unmap() once; keep the list in the object that owns the transfer.',
    })
  }
}

/**
 * @internal Throws EINVAL, and reports, when the other side never writes what would be handed over:
 * the kernel's checker complains about such a sync.
 */
export function checkSyncDirection(
  device: Device,
  op: string,
  raw: object,
  to: 'cpu' | 'device',
  direction: DmaDirection,
): void {
  if (direction !== (to === 'cpu' ? 'to-device' : 'from-device')) return
  const check = to === 'cpu' ? 'sync-cpu-to-device' : 'sync-device-from-device'
  device[RAW].dma.misuse?.(check, `${op} for the ${to} of a mapping '${direction}'`, raw)
  throw new HmmError('EINVAL', {
    op,
    backend: device.context.raw.name,
    message: `sync for the ${to}, and the mapping is '${direction}'`,
    hint: `Leave it out: nothing is written that the ${to} would have to be given.`,
  })
}
