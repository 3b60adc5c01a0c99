import { sameBytes, type ScenarioWorld } from '../scenario-world.js'
import { OdpDriver } from './driver.js'
import { Peer, type Reply } from './peer.js'

const LENGTH = 16

/**
 * The ODP driver under exploration: a peer reads and writes while the process remaps, forks and
 * unmaps, and memory is reclaimed. Whatever the order, each transfer moves what was there before or
 * after, or fails alone, and the process finds all that the peer was told is written.
 */
export async function odpRacing({ backend, control, race }: ScenarioWorld): Promise<void> {
  await using space = await backend.createAddressSpace({ name: 'server' })
  await using device = await backend.openDevice('adapter')
  await using driver = new OdpDriver(device)
  using peer = new Peer(device)
  const buffer = await space.mmap({ pages: 3 })
  const fresh = await space.mmap({ pages: 1 })
  const [kept, replaced, gone] = [buffer.page(0), buffer.page(1), buffer.page(2)]
  for (const [page, range] of [kept, replaced, gone].entries()) {
    await space.write(range.start, bytes(page))
  }
  await space.write(fresh.start, bytes(3))
  const region = await driver.registerRegion(space, buffer, 'write')
  const size = buffer.pageSize

  await race({
    reader: async () => {
      const seen = await peer.read(region.key, size, LENGTH)
      sameBytes('the page that is replaced', done(seen), bytes(1), bytes(3))
      const last = await peer.read(region.key, 2 * size, LENGTH)
      if (last.status !== 'page-fault-failed') {
        sameBytes('the page that goes', done(last), bytes(2))
      }
    },
    writer: async () => {
      done(await peer.write(region.key, 64, bytes(4)))
    },
    process: async () => {
      await space.mremap(fresh, { to: replaced.start })
      await using _child = await space.fork({ name: 'child' })
      await space.munmap(gone)
    },
    reclaim: () => control.reclaim(space, kept),
  })

  sameBytes('what the CPU wrote', await space.read(kept.start, LENGTH), bytes(0))
  sameBytes('what the peer wrote', await space.read(kept.at(64), LENGTH), bytes(4))
  const now = await peer.read(region.key, size, LENGTH)
  sameBytes('the page that was replaced', done(now), bytes(3))
  const late = await peer.read(region.key, 2 * size, LENGTH)
  if (late.status !== 'page-fault-failed') throw new Error(`unmapped, but ${late.status}`)
}

function done(reply: Reply): Uint8Array {
  if (reply.status === 'ok') return reply.bytes
  throw new Error(`the adapter answered ${reply.status}`)
}

function bytes(seed: number): Uint8Array {
  const made = new Uint8Array(LENGTH)
  for (let index = 0; index < LENGTH; index++) made[index] = seed * 31 + index + 1
  return made
}
