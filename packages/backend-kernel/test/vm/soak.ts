// Run in the virtual machine: processes change their memory while devices map and read it. Every page that
// the engine reads must be one of this process, at this address: never older than the last write that
// was complete before the read began, never somebody else's. HMM_SDK_ONLY=SECONDS, 20 if left out.
import assert from 'node:assert/strict'
import {
  HmmError,
  openBackend,
  type AddressSpace,
  type Backend,
  type Device,
  type DmaAddress,
  type Mirror,
  type VirtualRange,
} from '@hmm-sdk/hmm-api'
import { createBackend } from '../../src/index.js'

const SECONDS = Number(process.env['HMM_SDK_ONLY'] ?? 20)
const PAGES = 32
const PAGE = 4096
let seed = 12345
const random = (below: number): number => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
  return (seed >>> 8) % below
}
const count: Record<string, number> = {}
const tally = (what: string): void => void (count[what] = (count[what] ?? 0) + 1)

/** What page `index` of process `owner` holds since its `generation`-th write. */
const stamp = (owner: number, index: number, generation: number): Uint8Array => {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32LE(0x5a5a0000 + owner, 0)
  bytes.writeUInt32LE(index, 4)
  bytes.writeUInt32LE(generation, 8)
  return bytes
}

class Actor {
  readonly complete = Array.from({ length: PAGES }, () => 0)
  readonly begun = Array.from({ length: PAGES }, () => 0)
  /** Mapped and readable in the process, as far as completed commands say. */
  readonly table = new Map<number, DmaAddress>()
  mirror!: Mirror
  constructor(
    readonly owner: number,
    readonly space: AddressSpace,
    readonly range: VirtualRange,
    readonly device: Device,
  ) {}

  static async start(backend: Backend, device: Device, owner: number): Promise<Actor> {
    const space = await backend.createAddressSpace({ name: `soak-${owner}` })
    const range = await space.mmap({ pages: PAGES })
    const actor = new Actor(owner, space, range, device)
    actor.mirror = await device.mirror(space, range, {
      invalidate: (event) => {
        const first = range.indexOf(event.range)
        for (let i = 0; i < event.range.pages; i++) actor.table.delete(first + i)
        tally(`event ${event.kind}`)
      },
    })
    return actor
  }

  async change(): Promise<void> {
    const first = random(PAGES)
    const pages = 1 + random(Math.min(4, PAGES - first))
    const part = this.range.slice(first, pages)
    switch (random(12)) {
      case 0:
        await this.space.munmap(part)
        tally('munmap')
        await this.space.mmap({ pages, at: part.start })
        this.#zeroed(first, pages)
        break
      case 1:
        await this.space.mprotect(part, 'r')
        tally('mprotect')
        await this.space.mprotect(part, 'rw')
        break
      case 2:
        await this.space.madvise(part, 'dontneed')
        tally('dontneed')
        this.#zeroed(first, pages)
        break
      case 3: {
        const child = await this.space.fork({ name: 'child' })
        tally('fork')
        await this.#write(first)
        await (random(2) === 0 ? child.kill() : child.exit())
        await child.close()
        break
      }
      case 4: {
        const away = await this.space.mremap(part, { dontUnmap: true })
        tally('mremap')
        await this.space.munmap(away)
        this.#zeroed(first, pages)
        break
      }
      default:
        await this.#write(first)
    }
  }

  async map(): Promise<void> {
    const first = random(PAGES)
    const part = this.range.slice(first, 1 + random(Math.min(8, PAGES - first)))
    try {
      const access = random(2) === 0 ? 'read' : 'write'
      const signal = random(4) === 0 ? AbortSignal.timeout(random(4)) : undefined
      await this.mirror.map(part, { access, deadlineMs: 5000, signal }, (mapping) => {
        for (let i = 0; i < part.pages; i++) this.table.set(first + i, mapping.dmaAddress(i))
      })
      tally('map')
    } catch (error) {
      if (!HmmError.is(error)) throw error
      assert.ok(['EFAULT', 'EPERM', 'EBUSY', 'EINTR'].includes(error.code), error.message)
      tally(`map ${error.code}`)
    }
  }

  async read(): Promise<void> {
    const entries = [...this.table]
    if (entries.length === 0) return
    const [index, address] = entries[random(entries.length)] as [number, DmaAddress]
    const least = this.complete[index] as number
    let bytes: Uint8Array
    try {
      bytes = await this.device.engine.read(address, 16)
    } catch (error) {
      assert.ok(HmmError.is(error, 'EFAULT'), String(error))
      tally('read EFAULT')
      return
    }
    tally('read')
    const view = Buffer.from(bytes)
    const generation = view.readUInt32LE(8)
    // Zero: never written, or made zero by a command that runs just now.
    if (view.readUInt32LE(0) === 0) return
    assert.equal(view.readUInt32LE(0), 0x5a5a0000 + this.owner, `page ${index}: foreign owner`)
    assert.equal(view.readUInt32LE(4), index, 'foreign page')
    assert.ok(generation <= (this.begun[index] as number), 'from the future')
    assert.ok(generation >= least, `page ${index}: ${generation} is older than ${least}`)
  }

  #zeroed(first: number, pages: number): void {
    for (let i = first; i < first + pages; i++) this.complete[i] = 0
  }

  async #write(index: number): Promise<void> {
    const generation = (this.begun[index] as number) + 1
    this.begun[index] = generation
    await this.space.write(this.range.at(index * PAGE), stamp(this.owner, index, generation))
    this.complete[index] = generation
    tally('write')
  }
}

const backend = await openBackend({
  backend: createBackend,
  config: { devices: { demo: { kernel: { soft: true } } } },
})
const devices = [await backend.openDevice('demo'), await backend.openDevice('demo')]
const actors = await Promise.all(
  Array.from({ length: 4 }, (_, i) => Actor.start(backend, devices[i % 2] as Device, i)),
)
const end = Date.now() + SECONDS * 1000
const loop = async (step: () => Promise<void>): Promise<void> => {
  while (Date.now() < end) {
    await step()
    await new Promise((resolve) => setImmediate(resolve))
  }
}
await Promise.all(
  actors.flatMap((actor) => [
    loop(() => actor.change()),
    loop(() => actor.map()),
    loop(() => actor.read()),
  ]),
)
console.log(JSON.stringify(count))
await Promise.all(actors.map(({ space }) => (random(2) === 0 ? space.kill() : space.exit())))
for (const { mirror, space } of actors) {
  await space.released
  await mirror.close()
}
console.log(JSON.stringify(backend.counters()))
await backend.close()
console.log('soak: ok')
