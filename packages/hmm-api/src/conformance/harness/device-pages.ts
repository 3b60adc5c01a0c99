import { dmaAddress, type DmaAddress, type DmaPage } from '../../address/address.js'
import type { Device } from '../../objects/device.js'
import type { MirrorMapping } from '../../objects/mirror-mapping.js'

interface DevicePage {
  readonly dmaPage: DmaPage
  readonly writable: boolean
  readonly isDevice: boolean
  readonly isExclusive: boolean
}

/**
 * The translations of a driver: what it copied inside a commit. It keeps them after a revocation,
 * as a faulty device would, so that cases can see what using them does.
 */
export class DevicePages {
  readonly #device: Device
  readonly #pages: (DevicePage | undefined)[]

  constructor(device: Device, mapping: MirrorMapping) {
    this.#device = device
    this.#pages = Array.from({ length: mapping.pages }, (_, index) =>
      mapping.isMapped(index)
        ? {
            dmaPage: mapping.dmaPage(index),
            writable: mapping.writable(index),
            isDevice: mapping.isDevice(index),
            isExclusive: mapping.isExclusive(index),
          }
        : undefined,
    )
  }

  /** Which pages are mapped. */
  get mapped(): boolean[] {
    return this.#pages.map((page) => page !== undefined)
  }

  get writable(): boolean[] {
    return this.#pages.map((page) => page?.writable ?? false)
  }

  get isDevice(): boolean[] {
    return this.#pages.map((page) => page?.isDevice ?? false)
  }

  get isExclusive(): boolean[] {
    return this.#pages.map((page) => page?.isExclusive ?? false)
  }

  dmaPage(index: number): DmaPage {
    const page = this.#pages[index]
    if (page === undefined) throw new RangeError(`page ${index} is not mapped`)
    return page.dmaPage
  }

  /** DMA address of byte `offset` of page `index`. */
  address(index: number, offset = 0): DmaAddress {
    const shift = BigInt(this.#device.dma.limits.pageShift)
    return dmaAddress((BigInt(this.dmaPage(index)) << shift) + BigInt(offset))
  }

  /** The device reads one byte of page `index`. */
  async peek(index: number, offset = 0): Promise<number> {
    const [byte] = await this.#device.engine.read(this.address(index, offset), 1)
    return byte as number
  }

  /** The device writes one byte of page `index`. */
  poke(index: number, byte: number, offset = 0): Promise<void> {
    return this.#device.engine.write(this.address(index, offset), Uint8Array.of(byte))
  }

  /** The device adds to the first word of page `index`, atomically; the value before. */
  fetchAdd(index: number, delta: number): Promise<number> {
    return this.#device.engine.fetchAdd(this.address(index), delta)
  }
}
