import { dmaAddress, type DmaAddress } from '../address/address.js'
import { HmmError } from '../error/hmm-error.js'
import { checkInteger, checkOptions } from './check.js'
import type { Wait } from './context.js'
import type { Device } from './device.js'
import type { CoherentBuffer } from './host-buffer.js'
import { Owned } from './owned.js'
import { RAW } from './raw-of.js'

/** What the blocks of a pool are like. */
export interface DmaPoolOptions {
  /** Bytes of a block. */
  readonly bytes: number
  /** The DMA address of each is a multiple of it: a power of two. Default 4. */
  readonly align?: number
  /** No block crosses a multiple of it: a power of two, at least `bytes`. Default: none. */
  readonly boundary?: number
  readonly name?: string
}

/** One page or more of coherent memory, cut into blocks. */
interface Chunk {
  readonly buffer: CoherentBuffer
  /** Offsets of its free blocks. */
  readonly free: number[]
}

/** Least and most bytes of a block. */
const LEAST = 4
const MOST = 2 ** 20

/**
 * Small coherent blocks of one size, for descriptors and rings: whole pages are allocated and cut
 * (`dma_pool_create`). A block that is closed is handed out again by the next `alloc`.
 */
export class DmaPool extends Owned {
  /** Bytes of a block. */
  readonly bytes: number
  readonly #device: Device
  readonly #stride: number
  readonly #boundary: number
  readonly #chunks: Chunk[] = []

  /** @internal */
  constructor(device: Device, options: DmaPoolOptions) {
    checkOptions('dma.createPool', options, ['bytes', 'align', 'boundary', 'name'], [])
    const bytes = checkInteger('bytes', options.bytes, 1, MOST)
    const align = powerOfTwo('align', options.align ?? LEAST)
    const size = Math.ceil(Math.max(bytes, LEAST) / align) * align
    const boundary = options.boundary ?? Infinity
    if (boundary !== Infinity && powerOfTwo('boundary', boundary) < size) {
      throw new TypeError(`boundary ${boundary} is less than a block of ${size} bytes`)
    }
    super(device.context, device, 'dma-pool', options.name ?? `blocks of ${bytes} bytes`)
    this.bytes = bytes
    this.#device = device
    this.#stride = size
    this.#boundary = boundary
  }

  /** A zeroed block. Errors: ENOMEM, EBADF. `dma_pool_zalloc` */
  async alloc(wait?: Wait): Promise<DmaPoolBlock> {
    this.checkOpen('pool.alloc')
    let chunk = this.#chunks.find(({ free }) => free.length > 0)
    if (chunk === undefined) {
      chunk = await this.#grow(wait)
      // Closed meanwhile: its buffer was closed with it.
      this.checkOpen('pool.alloc')
    }
    const offset = chunk.free.shift()
    // Somebody else may have taken the last one while this call waited for memory.
    if (offset === undefined) return this.alloc(wait)
    const { buffer } = chunk
    buffer.write(offset, new Uint8Array(this.bytes))
    const raw = buffer[RAW]
    raw.block?.(offset, this.bytes, true)
    return new DmaPoolBlock(this, buffer, offset, this.bytes, () => {
      raw.block?.(offset, this.bytes, false)
      chunk.free.unshift(offset)
    })
  }

  /** @internal */
  reportFreedTwice(block: DmaPoolBlock): void {
    this.#device[RAW].dma.misuse?.('pool-free-twice', `block '${block.name}' of '${this.name}'`)
  }

  protected async doClose(): Promise<void> {
    for (const { buffer } of this.#chunks.splice(0)) await buffer.close()
  }

  async #grow(wait: Wait | undefined): Promise<Chunk> {
    const page = 2 ** this.#device.dma.limits.pageShift
    const bytes = Math.ceil(this.#stride / page) * page
    const buffer = await this.#device.dma.allocCoherent({ bytes, name: this.name, ...wait })
    const free: number[] = []
    // A buffer begins on a page, and at a multiple of its size rounded up: so the multiples of a
    // larger boundary are never inside, those of a smaller one are where they are from its start.
    for (let offset = 0; offset + this.#stride <= bytes; offset += this.#stride) {
      const room = this.#boundary - (offset % this.#boundary)
      if (room < this.#stride) offset += room
      if (offset + this.#stride <= bytes) free.push(offset)
    }
    buffer[RAW].block?.(0, bytes, false)
    const chunk = { buffer, free }
    if (this.status === 'closed') await buffer.close()
    else this.#chunks.push(chunk)
    return chunk
  }
}

/** A block of a pool: memory and mapping in one. Give it back with `close()`. */
export class DmaPoolBlock extends Owned {
  /** Where the device sees it. */
  readonly dmaAddress: DmaAddress
  readonly bytes: number
  readonly #pool: DmaPool
  readonly #buffer: CoherentBuffer
  readonly #offset: number
  readonly #free: () => void

  /** @internal */
  constructor(
    pool: DmaPool,
    buffer: CoherentBuffer,
    offset: number,
    bytes: number,
    free: () => void,
  ) {
    const address = dmaAddress(buffer.dmaAddress + BigInt(offset))
    super(pool.context, pool, 'dma-pool-block', `0x${address.toString(16)}`)
    this.dmaAddress = address
    this.bytes = bytes
    this.#pool = pool
    this.#buffer = buffer
    this.#offset = offset
    this.#free = free
  }

  /** A copy of `length` bytes from `offset`. RangeError outside, EBADF when it was given back. */
  read(offset: number, length: number): Uint8Array {
    this.#check('block.read', offset, length)
    return this.#buffer.read(this.#offset + offset, length)
  }

  /** Writes `bytes` from `offset` on. RangeError outside, EBADF when it was given back. */
  write(offset: number, bytes: Uint8Array): void {
    this.#check('block.write', offset, bytes.length)
    this.#buffer.write(this.#offset + offset, bytes)
  }

  /**
   * Gives it back to the pool. The device must not use it any more: the next `alloc` hands the same
   * bytes out. Errors: EINVAL when it was given back already. `dma_pool_free`
   */
  free(): void {
    if (this.status === 'open') {
      void this.close()
      return
    }
    this.#pool.reportFreedTwice(this)
    throw new HmmError('EINVAL', {
      op: 'block.free',
      backend: this.context.raw.name,
      message: `block '${this.name}' was given back already`,
      hint: 'free() once; the block may belong to somebody else by now.',
    })
  }

  protected async doClose(): Promise<void> {
    this.#free()
  }

  #check(op: string, offset: number, bytes: number): void {
    this.checkOpen(op)
    if (offset >= 0 && bytes >= 0 && offset + bytes <= this.bytes) return
    throw new RangeError(`bytes ${offset}..+${bytes} are outside a block of ${this.bytes}`)
  }
}

function powerOfTwo(name: string, value: number): number {
  checkInteger(name, value, 1, 2 ** 32)
  if (Number.isInteger(Math.log2(value))) return value
  throw new TypeError(`${name} ${value} is not a power of two`)
}
