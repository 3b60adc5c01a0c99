import {
  HmmError,
  dmaAddress,
  openBackend,
  type AddressSpace,
  type Backend,
  type Device,
  type DmaMapping,
  type HostBuffer,
  type Mirror,
  type VirtualRange,
} from '@hmm-sdk/hmm-api'
import type {
  control as controlOf,
  createBackend,
  SimDmaOptions,
  SimulationOptions,
} from '@hmm-sdk/backend-sim'
import * as fc from 'fast-check'

/** One copy of the package: each has memory of closed simulations of its own. */
export interface Copy {
  readonly createBackend: typeof createBackend
  readonly control: typeof controlOf
}

/** Pages that the steps are about. */
const PAGES = 12
const BUFFER_PAGES = 3

const KINDS = [
  'write', 'read', 'populate', 'dontneed', 'pageout', 'mprotect', 'munmap', 'fork', 'exit', 'merge',
  'reclaim', 'poison', 'device-write', 'device-read', 'unmap', 'migrate', 'evict', 'hidden-file',
  'buffer-write', 'map', 'map-list', 'unmap-dma', 'dma-write', 'dma-read', 'dma-anywhere', 'window', 'coherent',
  'wait-for-ever', 'trace',
] as const // prettier-ignore

/** One step; the numbers are reduced to what exists when it runs. */
interface Step {
  readonly kind: (typeof KINDS)[number]
  readonly page: number
  readonly pages: number
  readonly value: number
}

export const anyWork: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    page: fc.nat(PAGES - 1),
    pages: fc.integer({ min: 1, max: PAGES }),
    value: fc.integer({ min: 1, max: 255 }),
  }),
  { maxLength: 40, size: 'max' },
)

/** What simulations differ in. */
export interface Kind {
  readonly sim: SimulationOptions
  readonly dma: SimDmaOptions
}

/** Those that decide which buffers they have, and where a device gets to. */
export const anyKind: fc.Arbitrary<Kind> = fc.record({
  sim: fc.record({
    pageSize: fc.constantFrom(4096 as const, 4096 as const, 16384 as const),
    thp: fc.constantFrom('never' as const, 'always' as const),
  }),
  dma: fc.constantFrom<SimDmaOptions[]>(
    { shape: 'iommu' },
    { shape: 'iommu', flush: 'lazy' },
    { shape: 'iommu', coherent: false },
    { shape: 'direct' },
    { shape: 'swiotlb' },
  ),
})

/** A simulation at work, with a log of everything that can be seen of it. */
export class RandomWork {
  readonly log: string[] = []
  readonly backend: Backend
  readonly #copy: Copy
  readonly #device: Device
  readonly #buffer: HostBuffer
  readonly #range: VirtualRange
  /** Nobody waits for what is there. */
  readonly #holes: VirtualRange
  readonly #mirror: Mirror | undefined
  readonly #spaces: AddressSpace[]
  readonly #mappings: DmaMapping[] = []
  #endTrace: (() => void) | undefined

  private constructor(
    copy: Copy,
    made: {
      backend: Backend
      device: Device
      buffer: HostBuffer
      space: AddressSpace
      range: VirtualRange
      holes: VirtualRange
      mirror: Mirror | undefined
    },
  ) {
    this.#copy = copy
    this.backend = made.backend
    this.#device = made.device
    this.#buffer = made.buffer
    this.#spaces = [made.space]
    this.#range = made.range
    this.#holes = made.holes
    this.#mirror = made.mirror
    this.#trace()
  }

  static async begin(copy: Copy, { sim, dma }: Kind): Promise<RandomWork> {
    const config = { sim, devices: { demo: { sim: { memoryPages: 8, dma } } } }
    const backend = await openBackend({ backend: copy.createBackend, config })
    const device = await backend.openDevice('demo')
    const space = await backend.createAddressSpace()
    const range = await space.mmap({ pages: PAGES })
    const holes = await space.mmap({ pages: PAGES })
    // Only where a mapping can be taken back.
    const watched = device.mirror(space, range, { invalidate() {} })
    const mirror = await watched.catch(() => undefined)
    const buffer = await device.dma.allocBuffer({ bytes: BUFFER_PAGES * space.pageSize })
    return new RandomWork(copy, { backend, device, buffer, space, range, holes, mirror })
  }

  /** Does the step, and looks at everything after it. */
  async step(step: Step): Promise<void> {
    this.log.push(`${step.kind}: ${await outcome(() => this.#do(step))}`, await this.#seen())
  }

  /** Everything that a driver, a process or a test can see. */
  async #seen(): Promise<string> {
    const control = this.#copy.control(this.backend)
    const bytes = await outcome(() =>
      Promise.resolve(hash(this.#buffer.read(0, this.#buffer.bytes))),
    )
    const pages = this.#spaces.map((space) => control.pagesOf(space, this.#range))
    const read = []
    for (const space of this.#spaces) {
      for (let i = 0; i < PAGES; i += 5) {
        read.push(
          await outcome(async () =>
            hash(await space.read(this.#range.page(i).start, space.pageSize)),
          ),
        )
      }
    }
    return JSON.stringify([
      bytes,
      pages,
      read,
      control.usage(),
      control.reached(),
      control.problems(),
      control.now(),
      control.reportCounts(),
      this.backend.counters(),
      this.#mappings.map((mapping) => [mapping.address.toString(), mapping.status, mapping.bytes]),
    ])
  }

  async #do({ kind, page, pages, value }: Step): Promise<unknown> {
    const space = this.#spaces[value % this.#spaces.length]!
    const count = Math.min(pages, PAGES - page)
    const range = this.#range.slice(page, count)
    const control = this.#copy.control(this.backend)
    const { dma, engine } = this.#device
    const mapping = this.#mappings[value % Math.max(1, this.#mappings.length)]
    const bytes = new Uint8Array(count * 100).fill(value)
    switch (kind) {
      case 'write':
        return space.write(range.at(value), bytes)
      case 'read':
        return hash(await space.read(range.at(0), count * space.pageSize))
      case 'populate':
        return (await space.mmap({ pages, populate: true, at: range.start })).toString()
      case 'dontneed':
      case 'pageout':
        return space.madvise(range, kind)
      case 'mprotect':
        return space.mprotect(range, value % 2 === 0 ? 'r' : 'rw')
      case 'munmap':
        return space.munmap(range)
      case 'fork':
        return this.#spaces.length < 3 && void this.#spaces.push(await space.fork())
      case 'exit':
        if (this.#spaces.length === 1) return undefined
        return this.#spaces.pop()!.exit()
      case 'merge':
        return control.memory.mergePages(space, range)
      case 'reclaim':
        return control.reclaim(space, range)
      case 'poison':
        return control.memory.poison(space, this.#range.page(page))
      case 'device-write':
        return this.#mirror?.map(range, { access: 'write' }, (mapped) => mapped.dmaAddress(0))
      case 'device-read':
        return this.#mirror?.map(range, { access: 'read' }, (mapped) => mapped.dmaAddress(0))
      case 'unmap':
        return this.#mirror?.unmap(range)
      case 'migrate': {
        const to = value % 2 === 0 ? 'device' : 'system'
        if (this.#mirror === undefined) return undefined
        const moved = await this.#device.memory.migrate(this.#mirror, range, { to })
        return Array.from({ length: count }, (_, i) => moved.outcome(i)).join()
      }
      case 'evict':
        return this.#device.memory.evict()
      case 'hidden-file': {
        const file = await space.createFile({ pages: 3 })
        await file.write(value, bytes)
        return hash(await file.read(0, 3 * space.pageSize))
      }
      case 'buffer-write':
        return this.#buffer.write(value, bytes)
      case 'map': {
        const offset = value % 3 === 0 ? value : 0
        const direction = value % 2 === 0 ? 'bidirectional' : 'to-device'
        const made = dma.map(this.#buffer, { offset, bytes: count * 100, direction })
        this.#mappings.push(made)
        return made.address
      }
      case 'map-list': {
        const list = dma.map([this.#buffer, this.#buffer], { direction: 'to-device' })
        const address = list.at(0)
        list.unmap()
        return address
      }
      case 'unmap-dma':
        return mapping?.unmap()
      case 'dma-write':
        return mapping && engine.write(mapping.address, bytes)
      case 'dma-read':
        return mapping && hash(await engine.read(mapping.address, count * 100))
      case 'dma-anywhere':
        return hash(await engine.read(dmaAddress(value * space.pageSize), 100))
      case 'window': {
        const window = await dma.openWindow({ pages: 2 })
        window.link(this.#buffer, { at: 1, pages: 1, direction: 'bidirectional' })
        window.sync()
        await engine.write(window.dmaAddress(1), bytes)
        await window.close()
        return window.dmaAddress(1)
      }
      case 'coherent': {
        const coherent = await dma.allocCoherent({ bytes: count * 100 })
        await engine.write(coherent.dmaAddress, bytes)
        return hash(coherent.read(0, count * 100))
      }
      case 'wait-for-ever': {
        const hole = this.#holes.page(page)
        await space.userfaultfd(hole, { missing: true })
        void space.write(hole.start, Uint8Array.of(value)).catch(() => undefined)
        return hole.toString()
      }
      case 'trace':
        return this.#trace()
    }
  }

  /** Begins to log the events, or ends it: what is recorded of mappings depends on it. */
  #trace(): void {
    if (this.#endTrace !== undefined) {
      this.#endTrace()
      this.#endTrace = undefined
      return
    }
    this.#endTrace = this.backend.trace((event) => {
      this.log.push(
        JSON.stringify(event, (key, value: unknown) => {
          // Which calls are known, not where they are.
          if (key === 'sites') return Object.keys(value as object)
          return typeof value === 'bigint' ? String(value) : value
        }),
      )
    })
  }
}

async function outcome(run: () => unknown): Promise<string> {
  try {
    return String(await run())
  } catch (error) {
    if (!HmmError.is(error)) return String(error)
    return `${error.message} ${String(error.page)} ${error.retryable}`
  }
}

/** Of all bytes, in order. */
function hash(bytes: Uint8Array): number {
  let sum = bytes.length
  for (const byte of bytes) sum = (Math.imul(sum, 31) + byte) | 0
  return sum
}
