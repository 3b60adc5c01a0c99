import { HmmError } from '@hmm-sdk/hmm-api'
import type {
  DmaDirection,
  RawBuffer,
  RawCoherentBuffer,
  RawDma,
  RawDmaLimits,
  RawDmaMapping,
  RawIovaWindow,
} from '@hmm-sdk/hmm-api/raw'
import type { MirrorChunk } from '../hmm/mirror-dma.js'
import { IntervalTree } from '../mm/interval-tree.js'
import type { Machine } from '../sim/machine.js'
import { SimBuffer } from './buffer.js'
import type { DmaShape } from './dma-shape.js'
import { createTranslation } from './dma-shape.js'
import type { DmaTranslation } from './dma-translation.js'
import { SimIovaWindow } from './iova-window.js'
import { SimDmaMapping } from './streaming-mapping.js'

/** The mask of a device whose driver has not set one. */
const DEFAULT_MASK_BITS = 32
/** Fewer bits than this reach no memory that a platform has to offer. */
const FEWEST_MASK_BITS = 24

/** The DMA side of one device. */
export class DeviceDma implements RawDma {
  readonly limits: RawDmaLimits
  readonly translation: DmaTranslation
  /** Windows of mirrors, by DMA page. */
  readonly mirrorWindows = new IntervalTree<MirrorChunk>()
  readonly #machine: Machine
  readonly #buffers = new Set<SimBuffer>()
  readonly #mappings: SimDmaMapping[] = []
  readonly #windows = new Set<SimIovaWindow>()

  constructor(machine: Machine, shape: DmaShape) {
    this.#machine = machine
    this.translation = createTranslation(machine, shape, DEFAULT_MASK_BITS)
    this.limits = Object.freeze({
      translating: this.translation.domain !== undefined,
      coherent: true,
      maxMappingBytes: 2 ** 32,
      pageShift: machine.pageShift,
    })
  }

  setMask(bits: number): void {
    if (bits < FEWEST_MASK_BITS) {
      throw new HmmError('EIO', {
        message: `no memory can be reached with ${bits} bits`,
        hint: `A mask has ${FEWEST_MASK_BITS} to 64 bits.`,
      })
    }
    this.translation.setMask(bits)
  }

  async allocBuffer(bytes: number): Promise<RawBuffer> {
    return this.#allocate(bytes)
  }

  async allocCoherent(bytes: number): Promise<RawCoherentBuffer> {
    const buffer = this.#allocate(bytes)
    let dmaPage: number
    try {
      dmaPage = this.translation.map(buffer.firstFrame, buffer.pages, true)
    } catch (error) {
      buffer.free()
      throw error
    }
    let live = true
    return {
      bytes,
      dmaPage,
      read: (offset, length) => buffer.read(offset, length),
      write: (offset, from) => buffer.write(offset, from),
      free: () => {
        if (!live) return
        live = false
        this.translation.unmap(dmaPage, buffer.pages)
        buffer.free()
      },
    }
  }

  map(buffer: RawBuffer, offset: number, bytes: number, direction: DmaDirection): RawDmaMapping {
    if (!(buffer instanceof SimBuffer)) throw new TypeError('the buffer is of another backend')
    const { pageSize } = this.#machine
    const first = Math.floor(offset / pageSize)
    const inPage = offset % pageSize
    const pages = Math.ceil((inPage + bytes) / pageSize)
    const write = direction !== 'to-device'
    const dmaPage = this.translation.map(buffer.firstFrame + first, pages, write)
    return new SimDmaMapping(this.translation, this.#mappings, dmaPage, pages, inPage)
  }

  async openWindow(pages: number): Promise<RawIovaWindow> {
    const { domain } = this.translation
    if (domain === undefined) {
      throw new HmmError('EOPNOTSUPP', { message: 'windows need an IOMMU (dma_iova_try_alloc)' })
    }
    const window = new SimIovaWindow(domain, domain.allocate(pages), pages, (closed) =>
      this.#windows.delete(closed),
    )
    this.#windows.add(window)
    return window
  }

  revocations(dmaPage: number): number {
    if (!this.translation.mapped(dmaPage)) return -1
    const [chunk] = this.mirrorWindows.overlaps(dmaPage, dmaPage)
    return chunk?.revoked?.[dmaPage - chunk.iova] ?? 0
  }

  /** Frees everything; what was still open is returned. */
  async close(): Promise<{ kind: string; name: string }[]> {
    const left: { kind: string; name: string }[] = []
    const name = (page: number) => `DMA page 0x${page.toString(16)}`
    for (const mapping of [...this.#mappings]) {
      left.push({ kind: 'dma-mapping', name: name(mapping.dmaPage) })
      mapping.unmap()
    }
    for (const window of [...this.#windows]) {
      left.push({ kind: 'iova-window', name: name(window.dmaPage) })
      await window.close()
    }
    for (const buffer of [...this.#buffers]) {
      left.push({ kind: 'dma-buffer', name: `${buffer.bytes} bytes` })
      buffer.free()
    }
    const used = this.translation.domain?.iova.used ?? 0
    if (used > 0) left.push({ kind: 'iova', name: `${used} pages` })
    this.translation.destroy()
    return left
  }

  #allocate(bytes: number): SimBuffer {
    const frame = SimBuffer.allocate(this.#machine, bytes)
    if (frame === 0) {
      throw new HmmError('ENOMEM', { message: `no memory for a buffer of ${bytes} bytes` })
    }
    const buffer = new SimBuffer(this.#machine, bytes, frame, (b) => this.#buffers.delete(b))
    this.#buffers.add(buffer)
    return buffer
  }
}
