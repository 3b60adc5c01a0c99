import { dmaAddress, type DmaAddress, type DmaPage } from '../address/address.js'
import { HmmError } from '../error/hmm-error.js'
import type { DmaDirection, DmaMisuse, RawDmaMapping } from '../raw/raw-dma.js'
import type { Device } from './device.js'
import { Owned } from './owned.js'
import { RAW } from './raw-of.js'

/** What can be mapped: a buffer, or the memory of a peer. */
interface MappingSource {
  readonly name: string
  readonly mappingOwner: Owned
  countMapping(change: 1 | -1): void
}

/** A mapped buffer or peer memory: contiguous for the device. Undo it with `unmap()` (or `close()`). */
export class DmaMapping extends Owned {
  readonly direction: DmaDirection
  /** Size in bytes. */
  readonly bytes: number
  readonly #buffer: MappingSource
  readonly #device: Device
  readonly #raw: RawDmaMapping
  #mapped = true

  /** @internal */
  constructor(
    device: Device,
    buffer: MappingSource,
    raw: RawDmaMapping,
    offset: number,
    bytes: number,
    direction: DmaDirection,
  ) {
    super(device.context, buffer.mappingOwner, 'dma-mapping', `${buffer.name}+${offset}`)
    this.#device = device
    this.#buffer = buffer
    this.#raw = raw
    this.bytes = bytes
    this.direction = direction
    buffer.countMapping(1)
  }

  /** Whether an access of the device after `unmap` is sure to fault. */
  get revocable(): boolean {
    return this.#raw.revocable
  }

  /** DMA address of the first byte. */
  get address(): DmaAddress {
    const page = BigInt(this.#raw.dmaPage) << BigInt(this.#device.dma.limits.pageShift)
    return dmaAddress(page + BigInt(this.#raw.offset))
  }

  /** Number of pages it touches. */
  get pages(): number {
    return Math.ceil((this.#raw.offset + this.bytes) / 2 ** this.#device.dma.limits.pageShift)
  }

  /** Number of DMA page `index`, from 0. */
  dmaPage(index: number): DmaPage {
    if (!(index >= 0 && index < this.pages)) throw new RangeError(`no page ${index} in the mapping`)
    return (this.#raw.dmaPage + index) as DmaPage
  }

  /** DMA address of page `index`: its first mapped byte. */
  dmaAddress(index: number): DmaAddress {
    if (index === 0) return this.address
    return dmaAddress(BigInt(this.dmaPage(index)) << BigInt(this.#device.dma.limits.pageShift))
  }

  /** Whether the device may write it. */
  get writable(): boolean {
    return this.direction !== 'to-device'
  }

  /**
   * Hands the bytes over: to the CPU before it reads what the device wrote, to the device before
   * it reads what the CPU wrote. `dma_sync_single_for_cpu`, `_for_device`
   * Errors: EINVAL (outside the mapping, or unmapped), EBADF.
   */
  sync(to: 'cpu' | 'device', offset = 0, bytes: number = this.bytes - offset): void {
    this.#check('mapping.sync')
    if (to !== 'cpu' && to !== 'device') throw new TypeError(`sync is to 'cpu' or 'device'`)
    if (!(offset >= 0 && bytes > 0 && offset + bytes <= this.bytes)) {
      this.#misuse('sync-outside', `sync of bytes ${offset}..+${bytes}`)
      throw new RangeError(`bytes ${offset}..+${bytes} are outside a mapping of ${this.bytes}`)
    }
    this.context.call('mapping.sync', undefined, () => this.#raw.sync(to, offset, bytes))
  }

  /** Ends the mapping. Errors: EINVAL when it was unmapped already. `dma_unmap_phys` */
  unmap(): void {
    this.#check('mapping.unmap')
    this.#end()
    void this.close()
  }

  protected async doClose(): Promise<void> {
    if (this.#mapped) this.#end()
  }

  #end(): void {
    this.#mapped = false
    this.#buffer.countMapping(-1)
    this.context.call('mapping.unmap', undefined, () => this.#raw.unmap())
  }

  #check(op: string): void {
    this.#device.checkOpen(op)
    if (this.#mapped) return
    this.#misuse(op === 'mapping.unmap' ? 'unmap-twice' : 'sync-unmapped', op)
    throw new HmmError('EINVAL', {
      op,
      backend: this.context.raw.name,
      message: `mapping of '${this.#buffer.name}' is unmapped already`,
      hint: 'unmap() once; keep the mapping in the object that owns the transfer.',
    })
  }

  #misuse(check: DmaMisuse, what: string): void {
    const text = `${what}: mapping of ${this.bytes} bytes of '${this.#buffer.name}'`
    this.#device[RAW].dma.misuse?.(check, text)
  }
}
