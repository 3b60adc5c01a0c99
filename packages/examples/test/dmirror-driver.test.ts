import { createBackend } from '@hmm-sdk/backend-sim'
import {
  openBackend,
  type AddressSpace,
  type Backend,
  type Device,
  type VirtualRange,
} from '@hmm-sdk/hmm-api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { dmirrorConfig, DmirrorDriver, PROT } from '../src/index.js'

const PAGE = 4096

describe.each(['inside', 'deferred'] as const)('told %s', (invalidate) => {
  let backend: Backend
  let space: AddressSpace
  let device: Device
  let driver: DmirrorDriver
  let range: VirtualRange

  beforeEach(async () => {
    const config = dmirrorConfig({ sim: { invalidate } })
    backend = await openBackend({ backend: createBackend, config })
    space = await backend.createAddressSpace()
    device = await backend.openDevice('dmirror0')
    driver = new DmirrorDriver(device, space)
    range = await space.mmap({ pages: 8 })
    await space.write(range.start, new Uint8Array(8 * PAGE).fill(5))
  })

  afterEach(async () => {
    await driver.close()
    await device.close()
    await space.close()
    await backend.close()
    expect(backend.report()).toEqual({ leaks: [], misuses: [] })
  })

  test('what is mapped is not faulted again, and what changed is', async () => {
    expect(await driver.write(range, new Uint8Array(8 * PAGE))).toEqual({ pages: 8, faults: 1 })
    expect(await driver.write(range, new Uint8Array(8 * PAGE))).toEqual({ pages: 8, faults: 0 })
    expect(await driver.read(range)).toMatchObject({ pages: 8, faults: 0 })
    await space.madvise(range.page(3), 'dontneed')
    expect(await driver.read(range)).toMatchObject({ pages: 8, faults: 1 })
    // Faulted in for reading only.
    expect(await driver.write(range, new Uint8Array(8 * PAGE))).toEqual({ pages: 8, faults: 1 })
  })

  test('pages before the one that fails are written, the others are not', async () => {
    await driver.write(range.slice(0, 2), new Uint8Array(2 * PAGE).fill(1))
    await space.mprotect(range.slice(4, 4), 'r')
    const writing = driver.write(range, new Uint8Array(8 * PAGE).fill(9))
    await expect(writing).rejects.toMatchObject({ code: 'EPERM' })
    expect(
      [...(await space.read(range.start, 8 * PAGE))].filter((byte) => byte === 9),
    ).toHaveLength(2 * PAGE)
  })

  test('data must fill the range', async () => {
    await expect(driver.write(range, new Uint8Array(1))).rejects.toThrow(TypeError)
  })

  test('told to fail, a migration lacks the memory for one page, once', async () => {
    driver.setFlags({ failAllocation: true })
    await expect(driver.migrateToDevice(range)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(device.memory.freePages).toBe(device.memory.pages - 7)
    expect(await driver.migrateToDevice(range)).toMatchObject({ pages: 8 })
    driver.setFlags({ failAllocation: true })
    await expect(driver.migrateToSystem(range)).rejects.toMatchObject({ code: 'ENOMEM' })
    expect(await driver.migrateToSystem(range)).toEqual({ pages: 8 })
    // Nothing is left to migrate.
    expect(await driver.migrateToSystem(range)).toEqual({ pages: 0 })
    expect(new Set(await space.read(range.start, 8 * PAGE))).toEqual(new Set([5]))
  })

  test('a migration goes as far as the first hole', async () => {
    await space.munmap(range.page(4))
    await expect(driver.migrateToDevice(range)).rejects.toMatchObject({ code: 'EINVAL' })
    await expect(driver.migrateToSystem(range)).rejects.toMatchObject({ code: 'EINVAL' })
    expect(await driver.migrateToDevice(range.slice(0, 4))).toMatchObject({ pages: 4 })
  })

  test('a device page that may not be written is mapped for reading', async () => {
    await space.mprotect(range, 'r')
    await driver.migrateToDevice(range)
    const writing = driver.write(range, new Uint8Array(8 * PAGE))
    await expect(writing).rejects.toMatchObject({ code: 'EPERM' })
    expect(await driver.read(range)).toMatchObject({ faults: 0 })
    const byte = PROT.devicePrivateLocal | PROT.read
    expect(await driver.snapshot(range)).toEqual(new Uint8Array(8).fill(byte))
  })

  test('an exclusive page is not written before it is asked for', async () => {
    await driver.exclusive(range)
    await expect(driver.checkExclusive(range)).rejects.toMatchObject({ code: 'EPERM', page: 0 })
    await space.write(range.start, Uint8Array.of(1))
    await driver.checkExclusive(range.page(0))
    await expect(driver.checkExclusive(range)).rejects.toMatchObject({ code: 'EPERM', page: 1 })
    // As in the kernel's driver, for which an exclusive page is not one that may be written.
    const bytes = new Uint8Array(8 * PAGE).fill(7)
    const one = bytes.subarray(0, PAGE)
    expect(await driver.write(range.page(1), one)).toEqual({ pages: 1, faults: 1 })
    await driver.checkExclusive(range.page(1))
    expect(await driver.write(range, bytes)).toEqual({ pages: 8, faults: 1 })
    await driver.checkExclusive(range)
    expect(await space.read(range.start, 8 * PAGE)).toEqual(bytes)
  })

  test('ranges may lie far apart, and cross the regions that are watched', async () => {
    const long = await space.mmap({ pages: 20_000 })
    const across = long.slice(100, 16_500)
    expect(await driver.write(across, new Uint8Array(16_500 * PAGE).fill(7))).toEqual({
      pages: 16_500,
      faults: 1,
    })
    expect(await space.read(across.end as never, 1)).toEqual(Uint8Array.of(0))
    expect((await driver.read(across)).data.every((byte) => byte === 7)).toBe(true)
    expect(await driver.snapshot(long.slice(98, 4))).toEqual(
      Uint8Array.of(PROT.none, PROT.none, PROT.write, PROT.write),
    )
  })

  test('closing brings back what others have on the device', async () => {
    const other = await backend.createAddressSpace()
    const theirs = await other.mmap({ pages: 2 })
    await other.write(theirs.start, Uint8Array.of(3))
    const second = new DmirrorDriver(device, other)
    await second.migrateToDevice(theirs)
    await driver.close()
    expect(device.memory.freePages).toBe(device.memory.pages)
    expect((await second.read(theirs)).data[0]).toBe(3)
    await second.close()
    await other.close()
  })

  test('commands at the same time do not disturb each other', async () => {
    const bytes = new Uint8Array(8 * PAGE).fill(5)
    const commands = Array.from({ length: 20 }, (_, index) => {
      if (index % 4 === 1) return driver.migrateToSystem(range)
      if (index % 4 === 2) return driver.write(range, bytes)
      if (index % 4 === 3) return driver.snapshot(range)
      return driver.read(range).then(({ data }) => expect(data).toEqual(bytes))
    })
    await Promise.all(commands)
    expect(await space.read(range.start, 8 * PAGE)).toEqual(bytes)
  })

  test('when the process is gone, its memory is', async () => {
    await driver.read(range)
    await space.exit()
    await space.released
    await expect(driver.write(range, new Uint8Array(8 * PAGE))).rejects.toMatchObject({
      code: 'ESRCH',
    })
    await expect(driver.snapshot(range)).rejects.toMatchObject({ code: 'ESRCH' })
  })
})
