import { createBackend } from '@hmm-sdk/backend-sim'
import {
  openBackend,
  type AddressSpace,
  type Backend,
  type Bus,
  type Device,
} from '@hmm-sdk/hmm-api'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { adapterModel, exampleConfig, OdpDriver, Peer } from '../src/index.js'

let backend: Backend
let space: AddressSpace
let device: Device
let driver: OdpDriver
let peer: Peer

beforeEach(async () => {
  backend = await openBackend({ backend: createBackend, config: exampleConfig() })
  space = await backend.createAddressSpace()
  device = await backend.openDevice('adapter')
  driver = new OdpDriver(device)
  peer = new Peer(device)
})

afterEach(async () => {
  peer[Symbol.dispose]()
  await driver.close()
  await device.close()
  await space.close()
  await backend.close()
  expect(backend.report().leaks).toEqual([])
})

const bytes = (length: number, value = 7) => new Uint8Array(length).fill(value)

test('requests that cannot be right are refused one by one', async () => {
  const buffer = await space.mmap({ pages: 2 })
  const region = await driver.registerRegion(space, buffer, 'write')
  expect((await peer.read(99, 0, 8)).status).toBe('unknown-key')
  expect((await peer.read(region.key, 8190, 8)).status).toBe('out-of-range')
  expect((await peer.read(region.key, 0, 0)).status).toBe('out-of-range')
  expect((await peer.write(region.key, 2 ** 40, bytes(8))).status).toBe('out-of-range')
  expect((await peer.write(region.key, 8184, bytes(8))).status).toBe('ok')
  expect(await space.read(buffer.at(8184), 8)).toEqual(bytes(8))
})

test('a region for reading is not written, also if the process may', async () => {
  const buffer = await space.mmap({ pages: 1 })
  await space.write(buffer.start, bytes(16))
  const region = await driver.registerRegion(space, buffer, 'read')
  expect((await peer.write(region.key, 0, bytes(16, 1))).status).toBe('not-permitted')
  expect(await peer.read(region.key, 0, 16)).toEqual({ status: 'ok', bytes: bytes(16) })
  await expect(region.prefetch(0, 1, 'write')).rejects.toMatchObject({ code: 'EPERM' })
})

test('registration maps what is present and faults nothing in', async () => {
  const buffer = await space.mmap({ pages: 8 })
  await space.write(buffer.page(3).start, bytes(1))
  await driver.registerRegion(space, buffer, 'write')
  expect(backend.counters()).toMatchObject({ pagesMapped: 1, deviceFaults: 0 })
})

test('a prefetched page does not fault', async () => {
  const buffer = await space.mmap({ pages: 4 })
  const region = await driver.registerRegion(space, buffer, 'write')
  await region.prefetch(0, 4, 'write')
  expect((await peer.write(region.key, 4000, bytes(4096))).status).toBe('ok')
  expect(await space.read(buffer.at(4000), 4096)).toEqual(bytes(4096))
  expect(backend.counters().deviceFaults).toBe(0)
})

test('prefetch of unmapped memory fails and says where', async () => {
  const buffer = await space.mmap({ pages: 4 })
  const region = await driver.registerRegion(space, buffer, 'write')
  await space.munmap(buffer.page(2))
  await expect(region.prefetch(0, 4, 'read')).rejects.toMatchObject({ code: 'EFAULT', page: 2 })
})

test('a key is dead after deregistration, and a second one is harmless', async () => {
  const buffer = await space.mmap({ pages: 1 })
  const region = await driver.registerRegion(space, buffer, 'write')
  await Promise.all([driver.deregister(region), driver.deregister(region)])
  expect((await peer.read(region.key, 0, 8)).status).toBe('unknown-key')
})

test('every slot of the wire can be in flight; one more is EBUSY', async () => {
  const buffer = await space.mmap({ pages: 16 })
  const region = await driver.registerRegion(space, buffer, 'write')
  const all = Array.from({ length: 16 }, (_, page) =>
    peer.write(region.key, page * 4096, bytes(4096, page)),
  )
  await expect(peer.read(region.key, 0, 8)).rejects.toMatchObject({ code: 'EBUSY' })
  for (const { status } of await Promise.all(all)) expect(status).toBe('ok')
  for (let page = 0; page < 16; page++) {
    expect(await space.read(buffer.page(page).start, 4096)).toEqual(bytes(4096, page))
  }
})

test('a region of a process that is gone cannot be registered, and leaves nothing', async () => {
  const buffer = await space.mmap({ pages: 1 })
  await space.exit()
  await expect(driver.registerRegion(space, buffer, 'read')).rejects.toMatchObject({
    code: 'ESRCH',
  })
})

test('closing the driver ends requests in flight', async () => {
  const buffer = await space.mmap({ pages: 4 })
  const region = await driver.registerRegion(space, buffer, 'write')
  const requests = [peer.read(region.key, 0, 4096), peer.write(region.key, 4096, bytes(4096))]
  await driver.close()
  for (const { status } of await Promise.all(requests)) {
    expect(['ok', 'key-destroyed', 'page-fault-failed']).toContain(status)
  }
})

/** A bus on which nothing can be read, for a reason that no device expects. */
function brokenBus(bus: Bus): Bus {
  return {
    read: () => Promise.reject(new Error('a bug of the model')),
    write: (address, data) => bus.write(address, data),
    fetchAdd: (address, delta) => bus.fetchAdd(address, delta),
    interrupt: (vector) => bus.interrupt(vector),
    fault: (request) => bus.fault(request),
    sleep: (ms) => bus.sleep(ms),
    run: (name, work) => bus.run(name, work),
  }
}

test('a device that stops is heard of when its driver is closed, and nothing hangs', async () => {
  const model = { ...adapterModel, start: (bus: Bus) => adapterModel.start(brokenBus(bus)) }
  const config = exampleConfig({ devices: { adapter: { model } } })
  const other = await openBackend({ backend: createBackend, config })
  const broken = await other.openDevice('adapter')
  const process = await other.createAddressSpace()
  const itsDriver = new OdpDriver(broken)
  const itsPeer = new Peer(broken)
  const buffer = await process.mmap({ pages: 1 })
  const region = await itsDriver.registerRegion(process, buffer, 'read')
  await expect(itsPeer.read(region.key, 0, 8)).rejects.toThrow()
  await expect(itsDriver.close()).rejects.toMatchObject({ code: 'EIO' })
  await other.close()
})
