import { expect, test } from 'vitest'
import { explore, replay, type Scenario } from '../src/explore/index.js'

/** The driver installs a DMA address after the commit, when it may be gone. */
const late: Scenario = async ({ race, backend }) => {
  const space = await backend.createAddressSpace()
  const device = await backend.openDevice('demo')
  const buffer = await space.mmap({ pages: 2, protection: 'rw' })
  const table = new Map<number, bigint>()
  const mirror = await device.mirror(space, buffer, { invalidate: () => table.clear() })
  await race({
    driver: async () => {
      const map = mirror.map(buffer, { access: 'write' }, (mapping) => mapping.dmaAddress(0))
      const page = await map.catch(() => undefined)
      if (page !== undefined) table.set(0, page)
    },
    cpu: () => space.munmap(buffer),
  })
  expect(table.size).toBe(0)
  await mirror.close()
  await device.close()
  await space.close()
}

test('an address that is installed after the commit is found, shrunk and replayed', async () => {
  const { failure, mode } = await explore(late)
  expect(mode).toBe('batched')
  expect(failure?.kind).toBe('assertion')
  expect(failure?.switches).toEqual([
    { from: 'driver', point: 'mirror.map return', n: 1, to: 'cpu' },
  ])
  expect(failure?.table).toContain('explore.test.ts:13')
  for (let i = 0; i < 100; i++) {
    expect((await replay(failure!.token, late))?.message).toBe(failure!.message)
  }
})
