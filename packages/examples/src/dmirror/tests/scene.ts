import {
  HmmError,
  VirtualRange,
  type AddressSpace,
  type Backend,
  type Device,
  type Errno,
  type MmapOptions,
} from '@hmm-sdk/hmm-api'
import { CheckFailed } from '../../story-log.js'
import { openDmirror } from '../config.js'
import { DmirrorDriver, type Dmirror, type DmirrorData, type DmirrorResult } from '../driver.js'
import { hugeOrder } from '../snapshot.js'
import { findZeroPage } from '../zero-page.js'

/** Bytes of a buffer, where a test does not say otherwise. */
const BUFFER_BYTES = 4 * 2 ** 20

/** Opens a driver for the process, on the device of that number. */
export type OpenDmirror = (space: AddressSpace, unit: number) => Promise<Dmirror>

interface Closable {
  close(): Promise<void>
}

/** A process with drivers on up to two devices, for one test. */
export class Scene {
  readonly backend: Backend
  readonly space: AddressSpace
  readonly #note: (text: string) => void
  readonly #openDmirror: OpenDmirror | undefined
  readonly #devices = new Map<number, Device>()
  readonly #owned: Closable[] = []
  readonly #words = new Map<string, Uint8Array>()

  private constructor(
    backend: Backend,
    space: AddressSpace,
    note: (text: string) => void,
    open: OpenDmirror | undefined,
  ) {
    this.backend = backend
    this.space = space
    this.#note = note
    this.#openDmirror = open
  }

  /** Runs `work` in a scene of its own, and closes what it made. */
  static async run(
    backend: Backend,
    note: (text: string) => void,
    work: (t: Scene) => Promise<void>,
    open?: OpenDmirror,
  ): Promise<void> {
    const space = await backend.createAddressSpace({ name: 'process' })
    const scene = new Scene(backend, space, note, open)
    try {
      await work(scene)
    } finally {
      await scene.#close()
    }
  }

  get pageSize(): number {
    return this.space.pageSize
  }

  /** Pages of a buffer. */
  get bufferPages(): number {
    return BUFFER_BYTES / this.pageSize
  }

  /** Pages of a huge page. */
  get hugePages(): number {
    return 2 ** hugeOrder(this.pageSize)
  }

  /** Says something about the run, which is printed with the result. */
  note(text: string): void {
    this.#note(text)
  }

  /** The device of that number, opened when it is first asked for. */
  async device(unit = 0): Promise<Device> {
    const device = this.#devices.get(unit) ?? (await openDmirror(this.backend, unit))
    this.#devices.set(unit, device)
    return device
  }

  /** A driver that mirrors the process, or another one. */
  async open(unit = 0, space = this.space): Promise<Dmirror> {
    if (this.#openDmirror) return this.#own(await this.#openDmirror(space, unit))
    return this.#own(new DmirrorDriver(await this.device(unit), space))
  }

  /** The same, for snapshots that name the zero page. */
  async openWithZeroPage(unit = 0): Promise<Dmirror> {
    if (this.#openDmirror) return this.open(unit)
    const device = await this.device(unit)
    const zeroPage = await findZeroPage(this.backend, device)
    if (zeroPage === undefined) throw new CheckFailed('two pages that were only read differ')
    return this.#own(new DmirrorDriver(device, this.space, { zeroPage }))
  }

  /** Private anonymous memory, to read and write, unless said otherwise. */
  mmap(pages: number, options: Omit<MmapOptions, 'pages'> = {}): Promise<VirtualRange> {
    return this.space.mmap({ pages, ...options })
  }

  /** The aligned block for one huge page in a mapping at least twice as long. */
  hugeBlock(mapping: VirtualRange): VirtualRange {
    const first = Math.ceil(mapping.startPage / this.hugePages) * this.hugePages
    return VirtualRange.fromPages(first, this.hugePages, mapping.pageShift)
  }

  fork(): Promise<AddressSpace> {
    return this.space.fork({ name: 'child' }).then((child) => this.#own(child))
  }

  /** The CPU writes all of `range`. */
  fill(range: VirtualRange, data: Uint8Array, space = this.space): Promise<void> {
    return space.write(range.start, data)
  }

  /** Fails unless the CPU reads `expected`. */
  async cpuSees(range: VirtualRange, expected: Uint8Array, space = this.space): Promise<void> {
    same(
      await space.read(range.start, expected.length),
      expected,
      `what the CPU reads in ${space.name}`,
    )
  }

  /** The bytes of `range` filled with words that count: `start`, `start + step`, ... Not to be changed. */
  words(range: VirtualRange, start = 0, step = 1): Uint8Array {
    const key = `${range.pages} ${start} ${step}`
    const known = this.#words.get(key)
    if (known !== undefined) return known
    const words = new Int32Array((range.pages * this.pageSize) / 4)
    for (let index = 0, value = start; index < words.length; index++, value += step) {
      words[index] = value
    }
    const bytes = new Uint8Array(words.buffer)
    this.#words.set(key, bytes)
    return bytes
  }

  #own<T extends Closable>(object: T): T {
    this.#owned.push(object)
    return object
  }

  async #close(): Promise<void> {
    for (const each of this.#owned.reverse()) await each.close()
    for (const device of this.#devices.values()) await device.close()
    await this.space.close()
  }
}

/** Fails unless both are the same bytes. */
export function same(actual: Uint8Array, expected: Uint8Array, what: string): void {
  equal(actual.length, expected.length, `the length of ${what}`)
  let index = sameWords(actual, expected)
  while (index < expected.length && actual[index] === expected[index]) index += 1
  if (index === expected.length) return
  throw new CheckFailed(
    `${what}: byte ${index} is ${actual[index]}, and must be ${expected[index]}`,
  )
}

/** How many bytes are the same, as far as words tell: buffers are large, and emulators slow. */
function sameWords(actual: Uint8Array, expected: Uint8Array): number {
  if (actual.byteOffset % 4 !== 0 || expected.byteOffset % 4 !== 0) return 0
  const [is, should] = [actual, expected].map(
    ({ buffer, byteOffset, length }) => new Int32Array(buffer, byteOffset, length >> 2),
  ) as [Int32Array, Int32Array]
  let index = 0
  while (index < should.length && is[index] === should[index]) index += 1
  return index * 4
}

/** Fails unless both are the same value. */
export function equal(actual: unknown, expected: unknown, what: string): void {
  if (Object.is(actual, expected)) return
  throw new CheckFailed(`${what} is ${String(actual)}, and must be ${String(expected)}`)
}

/** Fails unless the command reached `pages`, with so many rounds of faults, and read `data`. */
export function did(
  done: DmirrorResult | DmirrorData,
  pages: number,
  faults: number,
  data?: Uint8Array,
): void {
  equal(done.pages, pages, 'the number of pages')
  equal(done.faults, faults, 'the number of faults')
  if (data !== undefined) same((done as DmirrorData).data, data, 'what the device read')
}

/** Fails unless the promise rejects with `code`. */
export async function fails(code: Errno, promise: Promise<unknown>): Promise<void> {
  try {
    await promise
  } catch (error) {
    if (HmmError.is(error, code)) return
    throw error
  }
  throw new CheckFailed(`the command succeeds, and must fail with ${code}`)
}
