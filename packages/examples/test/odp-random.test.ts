import { createBackend } from '@hmm-sdk/backend-sim'
import { openBackend, type AddressSpace, type VirtualRange } from '@hmm-sdk/hmm-api'
import { expect, test } from 'vitest'
import { exampleConfig, OdpDriver, Peer } from '../src/index.js'

const PAGES = 8
const SIZE = 4096
const STEPS = 120

/** What a page must be. */
interface Page {
  mapped: boolean
  writable: boolean
  bytes: Uint8Array
}

// Numbers that look random, the same ones for the same seed.
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
}

/** Does something to `page` as the process, and to what it must be. */
async function change(
  space: AddressSpace,
  range: VirtualRange,
  page: Page,
  random: (below: number) => number,
): Promise<void> {
  const choice = random(6)
  if (!page.mapped || choice === 0) {
    await space.mmap({ pages: 1, at: range.start })
    Object.assign(page, { mapped: true, writable: true, bytes: new Uint8Array(SIZE) })
  } else if (choice === 1) {
    await space.munmap(range)
    page.mapped = false
  } else if (choice === 2) {
    page.writable = !page.writable
    await space.mprotect(range, page.writable ? 'rw' : 'r')
  } else if (choice === 3) {
    await space.madvise(range, 'dontneed')
    page.bytes = new Uint8Array(SIZE)
  } else if (choice === 4) {
    const child = await space.fork()
    await child.close()
  } else if (page.writable) {
    const offset = random(SIZE - 16)
    const bytes = new Uint8Array(16).fill(random(256))
    await space.write(range.at(offset), bytes)
    page.bytes.set(bytes, offset)
  }
}

// While the peer uses one page, the process changes another one; forks concern all of them.
test.each(Array.from({ length: 12 }, (_, seed) => seed + 1))(
  'what the peer sees and leaves is what the process has (seed %i)',
  async (seed) => {
    const random = generator(seed)
    const backend = await openBackend({ backend: createBackend, config: exampleConfig() })
    const space = await backend.createAddressSpace()
    const device = await backend.openDevice('adapter')
    const driver = new OdpDriver(device)
    const peer = new Peer(device)
    const buffer = await space.mmap({ pages: PAGES })
    const pages = Array.from({ length: PAGES }, (): Page => {
      return { mapped: true, writable: true, bytes: new Uint8Array(SIZE) }
    })
    const { key } = await driver.registerRegion(space, buffer, 'write')

    for (let step = 0; step < STEPS; step++) {
      const used = random(PAGES)
      const changed = (used + 1 + random(PAGES - 1)) % PAGES
      const page = pages[used] as Page
      const changing = change(space, buffer.page(changed), pages[changed] as Page, random)
      const offset = random(SIZE - 64)
      if (random(2) === 0) {
        const bytes = new Uint8Array(64).fill(random(256))
        const { status } = await peer.write(key, used * SIZE + offset, bytes)
        expect(status).toBe(page.mapped && page.writable ? 'ok' : 'page-fault-failed')
        if (status === 'ok') page.bytes.set(bytes, offset)
      } else {
        const reply = await peer.read(key, used * SIZE + offset, 64)
        expect(reply.status).toBe(page.mapped ? 'ok' : 'page-fault-failed')
        if (page.mapped) expect(reply.bytes).toEqual(page.bytes.slice(offset, offset + 64))
      }
      await changing
    }
    for (const [index, { mapped, bytes }] of pages.entries()) {
      if (mapped) expect(await space.read(buffer.page(index).start, SIZE)).toEqual(bytes)
    }

    peer[Symbol.dispose]()
    await driver.close()
    await device.close()
    await space.close()
    await backend.close()
    expect(backend.report().leaks).toEqual([])
  },
)
