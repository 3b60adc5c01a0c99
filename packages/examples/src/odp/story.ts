import { HmmError, type AddressSpace, type Backend, type VirtualRange } from '@hmm-sdk/hmm-api'
import { meanwhile, type StoryLog } from '../story-log.js'
import { OdpDriver } from './driver.js'
import type { MemoryRegion } from './memory-region.js'
import { Peer, type Reply } from './peer.js'

const REGION_PAGES = 16
const PRESENT_PAGES = 8
/** On edu an access of half a page is two transfers of 100 ms each, and a run may use 64. */
const MAX_ACCESSES = 32

/** What the parts of the story share. */
interface Scene {
  readonly log: StoryLog
  readonly space: AddressSpace
  readonly driver: OdpDriver
  readonly peer: Peer
  readonly buffer: VirtualRange
  readonly region: MemoryRegion
  /** What the peer moves at a time: half a page. */
  readonly length: number
}

/**
 * The ODP example on any backend whose config has the device `adapter`. Throws when something is
 * not as it must be.
 */
export async function odpStory(backend: Backend, log: StoryLog): Promise<void> {
  await using space = await backend.createAddressSpace({ name: 'server' })
  await using device = await backend.openDevice('adapter')
  await using driver = new OdpDriver(device)
  using peer = new Peer(device)

  const buffer = await space.mmap({ pages: REGION_PAGES })
  for (let page = 0; page < PRESENT_PAGES; page++) {
    await space.write(buffer.page(page).start, pattern(page, buffer.pageSize))
  }
  const region = await driver.registerRegion(space, buffer, 'write')
  log.step(
    `registered ${REGION_PAGES} pages as key ${region.key}: ` +
      `the ${PRESENT_PAGES} present ones are mapped, none is pinned`,
  )

  const scene: Scene = { log, space, driver, peer, buffer, region, length: buffer.pageSize / 2 }
  await transfers(scene)
  await refusedRequests(scene)
  await remapWhileBusy(scene)
  await unmapped(scene)
  await readOnly(scene)
  await forkWhileBusy(scene)
  await deregisterWhileBusy(scene)
  await exitWhileBusy(scene)
  log.expect(`few enough DMA accesses: ${driver.accesses}`, driver.accesses <= MAX_ACCESSES)
}

async function transfers({ log, space, peer, buffer, region, length }: Scene): Promise<void> {
  const size = buffer.pageSize
  const end = PRESENT_PAGES * size
  const across = new Uint8Array(length)
  across.set(pattern(PRESENT_PAGES - 1, size).subarray(size - length / 2))
  const read = await peer.read(region.key, end - length / 2, length)
  log.equal('peer read over a present and an absent page', ok(log, read), across)
  log.step('the peer read across the end of what was present: a page fault for the absent page')

  const sent = pattern(100, length)
  ok(log, await peer.write(region.key, 9 * size, sent))
  log.equal('CPU read of what the peer wrote', await space.read(buffer.at(9 * size), length), sent)
  log.step('the peer wrote to memory that no CPU had touched; the CPU reads the same bytes')

  // The fault for reading gave the zero page, for reading only. A write must not reach that one.
  ok(log, await peer.write(region.key, end + 8, sent.subarray(0, 64)))
  const expected = new Uint8Array(size)
  expected.set(sent.subarray(0, 64), 8)
  log.equal('zero page written by the peer', await space.read(buffer.at(end), size), expected)
  const other = await space.read(buffer.at(10 * size), size)
  log.equal('another untouched page', other, new Uint8Array(size))
  log.step('a write to a page that was mapped for reading faulted again and got a page of its own')
}

async function refusedRequests({ log, peer, buffer, region }: Scene): Promise<void> {
  const unknown = await peer.read(region.key + 1000, 0, 64)
  const outside = await peer.write(region.key, buffer.bytes - 32, pattern(0, 64))
  log.expect('a key that does not exist is refused', unknown.status === 'unknown-key')
  log.expect('an access past the region is refused', outside.status === 'out-of-range')
  log.step('a key that does not exist and an offset past the region got error completions')
}

async function remapWhileBusy({ log, space, peer, buffer, region, length }: Scene): Promise<void> {
  const size = buffer.pageSize
  const pages = buffer.slice(2, 2)
  const fresh = await space.mmap({ pages: 2 })
  const contents = [pattern(50, length), pattern(51, length)] as const
  await space.write(fresh.page(0).start, contents[0])
  await space.write(fresh.page(1).start, contents[1])

  const sent = pattern(52, length)
  const reading = meanwhile(peer.read(region.key, 2 * size, length))
  const writing = meanwhile(peer.write(region.key, 3 * size, sent))
  // Replaces both pages, in one step, by those of another place.
  await space.mremap(fresh, { to: pages.start })
  const seen = ok(log, await reading)
  log.oneOf('peer read during mremap', seen, [pattern(2, length), contents[0]])
  ok(log, await writing)
  const left = await space.read(pages.page(1).start, length)
  log.oneOf('page after a write during mremap', left, [contents[1], sent])

  const after = await peer.read(region.key, 2 * size, length)
  log.equal('peer read after mremap', ok(log, after), contents[0])
  log.step('the process remapped pages during transfers: each moved old or new bytes, never a mix')
}

async function unmapped({ log, space, peer, buffer, region, length }: Scene): Promise<void> {
  const size = buffer.pageSize
  const hole = buffer.page(5)
  const reading = meanwhile(peer.read(region.key, 6 * size, length))
  await space.munmap(hole)
  const failed = await peer.read(region.key, 5 * size, 64)
  log.expect('a read of unmapped memory fails', failed.status === 'page-fault-failed')
  log.equal('the other request', ok(log, await reading), pattern(6, length))

  await space.mmap({ pages: 1, at: hole.start })
  const sent = pattern(60, length)
  ok(log, await peer.write(region.key, 5 * size, sent))
  log.equal('page mapped anew', await space.read(hole.start, length), sent)
  log.step('munmap: the one request for that page failed; mapped anew, the same key works again')
}

async function readOnly({ log, space, peer, buffer, region, length }: Scene): Promise<void> {
  const size = buffer.pageSize
  const page = buffer.page(4)
  const sent = pattern(70, length)
  await space.mprotect(page, 'r')
  const refused = await peer.write(region.key, 4 * size, sent)
  log.expect('a write to read-only memory fails', refused.status === 'page-fault-failed')
  const read = await peer.read(region.key, 4 * size, length)
  log.equal('read-only page', ok(log, read), pattern(4, length))

  await space.mprotect(page, 'rw')
  ok(log, await peer.write(region.key, 4 * size, sent))
  log.equal('page writable again', await space.read(page.start, length), sent)
  log.step('mprotect: a write to read-only memory failed alone; reads went on')
}

async function forkWhileBusy({ log, space, peer, buffer, region, length }: Scene): Promise<void> {
  const size = buffer.pageSize
  const reading = meanwhile(peer.read(region.key, 0, length))
  await using child = await space.fork({ name: 'child' })
  log.equal('peer read during fork', ok(log, await reading), pattern(0, length))
  const sent = pattern(80, length)
  ok(log, await peer.write(region.key, size, sent))
  const inParent = await space.read(buffer.at(size), length)
  log.equal('page of the parent', inParent, sent)
  const inChild = await child.read(buffer.at(size), size)
  log.equal('page of the child', inChild, pattern(1, size))
  log.step('fork: what the peer wrote is in the parent, the child keeps its copy')
  await child.exit()
}

async function deregisterWhileBusy(scene: Scene): Promise<void> {
  const { log, space, driver, peer, buffer, region, length } = scene
  const size = buffer.pageSize
  const requests = [
    meanwhile(peer.read(region.key, 6 * size, length)),
    meanwhile(peer.read(region.key, 11 * size, length)),
    meanwhile(peer.write(region.key, 12 * size, pattern(90, length))),
  ]
  await driver.deregister(region)
  for (const reply of await Promise.all(requests)) {
    log.expect(`a request in flight ended: ${reply.status}`, isEnd(reply))
  }
  const late = await peer.read(region.key, 0, 64)
  log.expect('the key is gone', late.status === 'unknown-key')
  const kept = await space.read(buffer.at(7 * size), size)
  log.equal('memory after deregistration', kept, pattern(7, size))
  log.step('deregistered with transfers in flight: each ended, then the key was gone')
}

async function exitWhileBusy({ log, space, driver, peer, buffer, length }: Scene): Promise<void> {
  const size = buffer.pageSize
  const region = await driver.registerRegion(space, buffer, 'write')
  const requests = [
    meanwhile(peer.read(region.key, 0, length)),
    meanwhile(peer.write(region.key, 13 * size, pattern(95, length))),
  ]
  await space.exit()
  await space.released
  for (const reply of await Promise.all(requests)) {
    log.expect(`a request in flight ended: ${reply.status}`, isEnd(reply))
  }
  const late = await peer.read(region.key, 0, 64)
  log.expect('memory of a gone process cannot be read', late.status === 'page-fault-failed')
  await driver.deregister(region)
  log.step('the process exited with transfers in flight: they ended, and nothing was left')
}

/** The bytes of a reply that must have succeeded. */
function ok(log: StoryLog, reply: Reply): Uint8Array {
  if (reply.status === 'transfer-failed') throw new HmmError('EIO', { message: 'the bus failed' })
  log.expect(`a request succeeds, not ${reply.status}`, reply.status === 'ok')
  return reply.bytes
}

function isEnd({ status }: Reply): boolean {
  return ['ok', 'page-fault-failed', 'key-destroyed', 'transfer-failed'].includes(status)
}

/** Bytes that differ for every `seed` and along the page. */
function pattern(seed: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8) + seed * 31) % 251)
}
