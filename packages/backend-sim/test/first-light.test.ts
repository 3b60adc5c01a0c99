import { HmmError, openBackend } from '@hmm-sdk/hmm-api'
import { control, createBackend } from '@hmm-sdk/backend-sim'
import { expect, test } from 'vitest'

test('a mirrored range is mapped, used by the device, and revoked by munmap', async () => {
  const backend = await openBackend({ backend: createBackend })
  const space = await backend.createAddressSpace()
  const device = await backend.openDevice('demo')
  const buffer = await space.mmap({ pages: 16, protection: 'rw' })
  await space.write(buffer.at(0), Uint8Array.of(1, 2, 3))
  const events: string[] = []
  const mirror = await device.mirror(space, buffer, {
    invalidate: (event) => void events.push(event.kind),
  })
  const address = await mirror.map(buffer, { access: 'write' }, (mapping) => {
    expect(mapping.pages).toBe(16)
    return mapping.dmaAddress(0)
  })
  expect([...(await device.engine.read(address, 3))]).toEqual([1, 2, 3])
  await device.engine.write(address, Uint8Array.of(9))
  expect([...(await space.read(buffer.at(0), 2))]).toEqual([9, 2])
  await space.munmap(buffer)
  expect(events).toEqual(['unmap'])
  await expect(device.engine.read(address, 1)).rejects.toSatisfy((e) => HmmError.is(e, 'EFAULT'))
  await expect(space.read(buffer.at(0), 1)).rejects.toSatisfy((e) => HmmError.is(e, 'EFAULT'))
  await mirror.close()
  await space.close()
  await device.close()
  expect(control(backend).usage()).toMatchObject({ frames: 0, pageTables: 0, ioPageTables: 0 })
  await backend.close()
  expect(backend.report().leaks).toEqual([])
})
