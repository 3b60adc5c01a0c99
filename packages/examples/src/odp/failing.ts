import { HmmError } from '@hmm-sdk/hmm-api'
import { sameBytes, type FailingWorld } from '../scenario-world.js'
import { OdpDriver } from './driver.js'
import { Peer, type Reply } from './peer.js'

const PAGES = 6
const LENGTH = 48

/**
 * All that the ODP driver does, on few pages, for `failEveryStep`: each step fails once for every
 * point in it, is done again, and everything after it has to be as if nothing had failed.
 */
export async function odpFailing({ backend, control, step }: FailingWorld): Promise<void> {
  await using space = await step('start', () => backend.createAddressSpace({ name: 'server' }))
  await using device = await step('probe', () => backend.openDevice('adapter'))
  await using driver = new OdpDriver(device)
  using peer = new Peer(device)
  const buffer = await step('mmap', () => space.mmap({ pages: PAGES }))
  const size = buffer.pageSize
  await step('first write', () => space.write(buffer.at(0), bytes(0, size)))
  await step('second write', () => space.write(buffer.at(size), bytes(1, size)))
  const region = await step('register', () => driver.registerRegion(space, buffer, 'write'))
  const read = (what: string, offset: number, length = LENGTH): Promise<Uint8Array> =>
    step(what, async () => done(await peer.read(region.key, offset, length)))
  const write = (what: string, offset: number, seed: number): Promise<Uint8Array> =>
    step(what, async () => done(await peer.write(region.key, offset, bytes(seed, LENGTH))))

  const across = new Uint8Array(LENGTH)
  across.set(bytes(1, size).subarray(size - LENGTH / 2))
  sameBytes('a read over the end', await read('read', 2 * size - LENGTH / 2), across)
  await write('write where the zero page is', 2 * size, 2)
  await write('write where nothing is', 3 * size, 3)
  await step('prefetch', () => region.prefetch(4, 2, 'write'))
  await write('write to what was prefetched', 4 * size, 4)

  const fresh = await step('mmap more', () => space.mmap({ pages: 1 }))
  await step('write more', () => space.write(fresh.start, bytes(5, LENGTH)))
  await step('mremap', () => space.mremap(fresh, { to: buffer.page(3).start }))
  sameBytes('a remapped page', await read('read what was remapped', 3 * size), bytes(5, LENGTH))

  await step('munmap', () => space.munmap(buffer.page(4)))
  const refused = await peer.read(region.key, 4 * size, LENGTH)
  if (refused.status !== 'page-fault-failed') throw new Error(`unmapped, but ${refused.status}`)
  await step('mmap anew', () => space.mmap({ pages: 1, at: buffer.page(4).start }))
  await write('write to what was mapped anew', 4 * size, 6)

  await step('protect', () => space.mprotect(buffer.page(2), 'r'))
  sameBytes('a protected page', await read('read what is protected', 2 * size), bytes(2, LENGTH))
  await step('unprotect', () => space.mprotect(buffer.page(2), 'rw'))
  await control.reclaim(space, buffer)
  await write('write to what was reclaimed', 2 * size, 7)

  await using child = await step('fork', () => space.fork({ name: 'child' }))
  await write('write after fork', 0, 8)
  const kept = await step('read of the child', () => child.read(buffer.at(0), LENGTH))
  sameBytes('the page of the child', kept, bytes(0, LENGTH))

  for (const [page, seed] of [8, 1, 7, 5, 6].entries()) {
    const found = await step('check', () => space.read(buffer.at(page * size), LENGTH))
    sameBytes(`page ${page}`, found, bytes(seed, LENGTH))
  }
  await driver.deregister(region)
  const again = await step('register again', () => driver.registerRegion(space, buffer, 'read'))
  await space.exit()
  const late = await peer.read(again.key, 0, LENGTH)
  if (late.status !== 'page-fault-failed') throw new Error(`exited, but ${late.status}`)
}

/** The bytes of a reply; an error for a request that the adapter could not do. */
function done(reply: Reply): Uint8Array {
  if (reply.status === 'ok') return reply.bytes
  throw new HmmError('EIO', { message: `the adapter answered ${reply.status}` })
}

/** Bytes that differ for every `seed`. */
function bytes(seed: number, length: number): Uint8Array {
  const made = new Uint8Array(length)
  for (let index = 0; index < length; index++) made[index] = (index * 7 + seed * 31 + 1) % 251
  return made
}
