import { createBackend } from '@hmm-sdk/backend-sim'
import {
  openBackend,
  type AddressSpace,
  type Backend,
  type Device,
  type VirtualRange,
} from '@hmm-sdk/hmm-api'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { exampleConfig, NouveauDriver, type SharedMemory } from '../src/index.js'

let backend: Backend
let space: AddressSpace
let device: Device
let driver: NouveauDriver
let arena: VirtualRange
let memory: SharedMemory

beforeEach(async () => {
  backend = await openBackend({ backend: createBackend, config: exampleConfig() })
  space = await backend.createAddressSpace()
  device = await backend.openDevice('gpu')
  driver = new NouveauDriver(device)
  arena = await space.mmap({ pages: 16 })
  memory = await driver.bind(space, arena)
})

afterEach(async () => {
  await driver.close()
  await device.close()
  await space.close()
  await backend.close()
  expect(backend.report().leaks).toEqual([])
})

test('adds vectors at pointers that begin anywhere in a page', async () => {
  const channel = driver.openChannel(memory)
  const ones = new Uint8Array(new Uint32Array(1500).fill(1).buffer)
  await space.write(arena.at(4), ones)
  await channel.vectorAdd(arena.at(4), arena.at(4), arena.at(4 * 4096 + 400), 1500)
  const twos = new Uint8Array(new Uint32Array(1500).fill(2).buffer)
  expect(await space.read(arena.at(4 * 4096 + 400), 6000)).toEqual(twos)
})

test('a pointer outside of the shared memory cancels the channel, which can be used again', async () => {
  const channel = driver.openChannel(memory)
  const foreign = await space.mmap({ pages: 1 })
  await expect(
    channel.vectorAdd(foreign.start, arena.start, arena.page(2).start, 10),
  ).rejects.toMatchObject({ code: 'EFAULT', message: expect.stringContaining('cancelled at 0x') })
  await channel.vectorAdd(arena.start, arena.start, arena.page(2).start, 10)
})

test('a channel runs one program at a time', async () => {
  const channel = driver.openChannel(memory)
  const running = channel.vectorAdd(arena.start, arena.start, arena.page(2).start, 1024)
  await expect(channel.atomicAdd(arena.start, 1, 1)).rejects.toMatchObject({ code: 'EBUSY' })
  await running
})

test('there are as many channels as the GPU has', async () => {
  for (let count = 0; count < 16; count++) driver.openChannel(memory)
  expect(() => driver.openChannel(memory)).toThrow('ENOSPC')
})

test('closing the driver cancels what runs', async () => {
  const channel = driver.openChannel(memory)
  const running = channel.atomicAdd(arena.start, 1, 1_000_000)
  const ended = expect(running).rejects.toMatchObject({ code: 'EFAULT' })
  await driver.close()
  await ended
})

test('pages that migrate take their content along, there and back', async () => {
  await space.write(arena.start, new Uint8Array(2 * 4096).fill(5))
  const there = await memory.migrate(arena.slice(0, 2), 'device')
  expect(there?.migrated).toBe(2)
  expect(memory.devicePages).toBe(2)
  const back = await memory.migrate(arena.slice(0, 2), 'system')
  expect(back?.migrated).toBe(2)
  expect(await space.read(arena.start, 8192)).toEqual(new Uint8Array(8192).fill(5))
})
