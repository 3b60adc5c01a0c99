import { dmaAddress, type DmaAddress, type DmaPage } from '../address/address.js'
import { HmmError } from '../error/hmm-error.js'
import { shown } from '../error/shown.js'
import type { Leak } from '../event.js'
import type { DmaDirection, DmaMisuse, RawDmaMapping } from '../raw/raw-dma.js'
import type { Device } from './device.js'
import { checkSyncDirection } from './dma-list.js'
import type { Child, Owned } from './owned.js'
import { RAW } from './raw-of.js'

/** What can be mapped: a buffer, or the memory of a peer. */
interface MappingSource {
  readonly name: string
  readonly mappingOwner: Owned
}

/** What `close()` of a mapping returns: there is nothing to wait for. */
const CLOSED = Promise.resolve()

/** A mapped buffer or peer memory: contiguous for the device. Undo it with `unmap()` (or `close()`). */
export class DmaMapping implements Child, AsyncDisposable {
  readonly direction: DmaDirection
  /** Size in bytes. */
  readonly bytes: number
  /** Whether an access of the device after `unmap` is sure to fault. */
  readonly revocable: boolean
  /** @internal */
  olderSibling: Child | undefined
  /** @internal */
  newerSibling: Child | undefined
  // Not `#private`, and nothing set here but in the constructor: both would be a function called
  // for each object, and a driver maps more often than it does anything else.
  private readonly source: MappingSource
  private readonly offset: number
  private readonly device: Device
  /** Not asked for anything once it is unmapped: it may be another mapping then. */
  private readonly raw: RawDmaMapping
  private readonly firstPage: number
  /** Of its first byte in `firstPage`. */
  private readonly inPage: number
  /** What `close()` returns; undefined while it is mapped. */
  private closing: Promise<void> | undefined

  /** @internal */
  constructor(
    device: Device,
    source: MappingSource,
    raw: RawDmaMapping,
    offset: number,
    bytes: number,
    direction: DmaDirection,
  ) {
    this.device = device
    this.source = source
    this.raw = raw
    this.firstPage = raw.dmaPage
    this.inPage = raw.offset
    this.revocable = raw.revocable
    this.offset = offset
    this.bytes = bytes
    this.direction = direction
    this.closing = undefined
    this.olderSibling = undefined
    this.newerSibling = undefined
    source.mappingOwner.adopt(this)
  }

  /** What it is, in leak reports. */
  get kind(): string {
    return 'dma-mapping'
  }

  /** Buffer and first byte. */
  get name(): string {
    return `${this.source.name}+${this.offset}`
  }

  /** `'open'`, or `'closed'` from `unmap()` or `close()` on. */
  get status(): 'open' | 'closed' {
    return this.closing === undefined ? 'open' : 'closed'
  }

  /** What was still open when this was closed: nothing can be. */
  get leaks(): readonly Leak[] {
    return []
  }

  /** @internal */
  get made(): object {
    return this.raw
  }

  /** DMA address of the first byte. */
  get address(): DmaAddress {
    const page = BigInt(this.firstPage) << BigInt(this.device.dma.limits.pageShift)
    return dmaAddress(page + BigInt(this.inPage))
  }

  /** Number of pages it touches. */
  get pages(): number {
    return Math.ceil((this.inPage + this.bytes) / 2 ** this.device.dma.limits.pageShift)
  }

  /** Number of DMA page `index`, from 0. */
  dmaPage(index: number): DmaPage {
    if (index >>> 0 !== index || index >= this.pages) {
      throw new RangeError(`no page ${shown(index)} in the mapping`)
    }
    return (this.firstPage + index) as DmaPage
  }

  /** DMA address of page `index`: its first mapped byte. */
  dmaAddress(index: number): DmaAddress {
    if (index === 0) return this.address
    return dmaAddress(BigInt(this.dmaPage(index)) << BigInt(this.device.dma.limits.pageShift))
  }

  /** Whether the device may write it. */
  get writable(): boolean {
    return this.direction !== 'to-device'
  }

  /**
   * Hands the bytes over: to the CPU before it reads what the device wrote, to the device before
   * it reads what the CPU wrote. `dma_sync_single_for_cpu`, `_for_device`
   * Errors: EINVAL (unmapped, or against the direction), EBADF; RangeError outside the mapping.
   */
  sync(to: 'cpu' | 'device', offset = 0, bytes: number = this.bytes - offset): void {
    this.check('mapping.sync')
    if (to !== 'cpu' && to !== 'device') throw new TypeError(`sync is to 'cpu' or 'device'`)
    if (!(offset >= 0 && bytes > 0 && offset + bytes <= this.bytes)) {
      this.misuse('sync-outside', `sync of bytes ${offset}..+${bytes}`)
      throw new RangeError(`bytes ${offset}..+${bytes} are outside a mapping of ${this.bytes}`)
    }
    checkSyncDirection(this.device, 'mapping.sync', this.raw, to, this.direction)
    this.device.context.call('mapping.sync', undefined, () => this.raw.sync(to, offset, bytes))
  }

  /** Ends the mapping. Errors: EINVAL when it was unmapped already. `dma_unmap_phys` */
  unmap(): void {
    this.check('mapping.unmap')
    this.closing = CLOSED
    this.end()
  }

  /** Ends the mapping if it was not before. Idempotent. */
  close(): Promise<void> {
    if (this.closing === undefined) {
      this.closing = CLOSED
      try {
        this.end()
      } catch (error) {
        this.closing = Promise.reject(error)
      }
    }
    return this.closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private end(): void {
    this.source.mappingOwner.disown(this)
    try {
      this.raw.unmap()
    } catch (error) {
      throw this.failed(error)
    }
  }

  private failed(error: unknown): unknown {
    return this.device.context.decorate(error, 'mapping.unmap')
  }

  private check(op: string): void {
    this.device.checkOpen(op)
    if (this.closing !== undefined) throw this.unmapped(op)
  }

  private unmapped(op: string): HmmError {
    this.misuse(op === 'mapping.unmap' ? 'unmap-twice' : 'sync-unmapped', op)
    return new HmmError('EINVAL', {
      op,
      backend: this.device.context.raw.name,
      message: `mapping of '${this.source.name}' is unmapped already`,
      hint: 'unmap() once; keep the mapping in the object that owns the transfer.',
    })
  }

  private misuse(check: DmaMisuse, what: string): void {
    const text = `${what}: mapping of ${this.bytes} bytes of '${this.source.name}'`
    this.device[RAW].dma.misuse?.(check, text, this.raw)
  }
}
