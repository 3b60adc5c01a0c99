import { HmmError } from '../error/hmm-error.js'
import type { RawBuffer } from '../raw/raw-dma.js'
import type { Device } from './device.js'
import type { LiveLists } from './live-lists.js'
import type { Owned } from './owned.js'
import { RAW } from './raw-of.js'

/** Memory of a device, in one of its BARs, that a peer may reach (`pci_p2pdma_add_resource`). */
export class PeerMemory {
  readonly device: Device
  readonly bar: number

  /** @internal */
  constructor(device: Device, bar: number) {
    this.device = device
    this.bar = bar
  }

  /** Size in bytes; 0 if the BAR has no memory for peers. */
  get bytes(): number {
    return this.#find()?.bytes ?? 0
  }

  /** What the CPU reads there. RangeError outside, EOPNOTSUPP without memory, EBADF. */
  read(offset: number, length: number): Uint8Array {
    return this.device.context.call('peerMemory.read', undefined, () => {
      this.checkInside(offset, length)
      return this.raw.read(offset, length)
    })
  }

  /** Writes by the CPU. RangeError outside, EOPNOTSUPP without memory, EBADF. */
  write(offset: number, bytes: Uint8Array): void {
    this.device.context.call('peerMemory.write', undefined, () => {
      this.checkInside(offset, bytes.length)
      this.raw.write(offset, bytes)
    })
  }

  /** @internal Mappings end with the device whose memory they show. */
  get mappingOwner(): Owned {
    return this.device
  }

  /** @internal Lists that it is a part of. */
  get lists(): LiveLists {
    return this.device.peerLists
  }

  /** @internal */
  get name(): string {
    return `BAR ${this.bar} of ${this.device.name}`
  }

  /** @internal Throws EOPNOTSUPP if there is none. */
  get raw(): RawBuffer {
    this.device.checkOpen('peerMemory')
    const raw = this.#find()
    if (raw !== undefined) return raw
    throw new HmmError('EOPNOTSUPP', {
      message: `${this.name} has no memory for peers`,
      hint: 'Ask peerMemory.bytes first.',
    })
  }

  /** @internal RangeError if the bytes are not inside. */
  checkInside(offset: number, bytes: number): void {
    if (!(offset >= 0 && bytes >= 0 && offset + bytes <= this.raw.bytes)) {
      throw new RangeError(`bytes ${offset}..+${bytes} are outside ${this.name}`)
    }
  }

  #find(): RawBuffer | undefined {
    return this.device[RAW].dma.peerMemory?.(this.bar)
  }
}
