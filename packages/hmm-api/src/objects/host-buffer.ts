import { dmaAddress, type DmaAddress, type DmaPage } from '../address/address.js'
import type { RawBuffer, RawCoherentBuffer } from '../raw/raw-dma.js'
import type { Device } from './device.js'
import { LiveLists } from './live-lists.js'
import { Owned } from './owned.js'
import { RAW } from './raw-of.js'

/** Memory of the driver's own, page aligned; what the CPU side of the driver reads and writes. */
export class HostBuffer extends Owned {
  readonly [RAW]: RawBuffer
  readonly device: Device
  /** @internal Lists that it is a part of. */
  readonly lists = new LiveLists()

  /** @internal */
  constructor(device: Device, raw: RawBuffer, kind: string, name: string) {
    super(device.context, device, kind, name)
    this.device = device
    this[RAW] = raw
  }

  /** Size in bytes. */
  get bytes(): number {
    return this[RAW].bytes
  }

  /** A copy of `length` bytes from `offset`. RangeError outside. */
  read(offset: number, length: number): Uint8Array {
    this.checkOpen('buffer.read')
    this.checkInside(offset, length)
    return this.context.call('buffer.read', undefined, () => this[RAW].read(offset, length))
  }

  /** Writes `bytes` from `offset` on. RangeError outside. */
  write(offset: number, bytes: Uint8Array): void {
    this.checkOpen('buffer.write')
    this.checkInside(offset, bytes.length)
    this.context.call('buffer.write', undefined, () => this[RAW].write(offset, bytes))
  }

  /** @internal RangeError if the bytes are not inside. */
  checkInside(offset: number, bytes: number): void {
    if (!(offset >= 0 && bytes >= 0 && offset + bytes <= this.bytes)) {
      throw outside(offset, bytes, this.bytes)
    }
  }

  /** @internal Mappings end with the buffer. */
  get mappingOwner(): Owned {
    return this
  }

  protected async doClose(): Promise<void> {
    this.addLeaks(await this.lists.close())
    this[RAW].free()
  }
}

/** Memory and mapping in one: device and CPU see the same without sync. */
export class CoherentBuffer extends HostBuffer {
  declare readonly [RAW]: RawCoherentBuffer

  /** @internal */
  constructor(device: Device, raw: RawCoherentBuffer, name: string) {
    super(device, raw, 'coherent-buffer', name)
  }

  /** @internal */
  get made(): object {
    return this[RAW]
  }

  /** Number of its first DMA page; the others follow. */
  get dmaPage(): DmaPage {
    return this[RAW].dmaPage as DmaPage
  }

  /** DMA address of its first byte. */
  get dmaAddress(): DmaAddress {
    return dmaAddress(BigInt(this.dmaPage) << BigInt(this.device.dma.limits.pageShift))
  }
}

function outside(offset: number, bytes: number, size: number): RangeError {
  return new RangeError(`bytes ${offset}..+${bytes} are outside a buffer of ${size}`)
}
