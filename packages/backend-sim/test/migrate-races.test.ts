import { HmmError, type MigrateOutcome } from '@hmm-sdk/hmm-api'
import { explore, type World } from '@hmm-sdk/backend-sim/explore'
import { expect, test } from 'vitest'

/*
 * What can come between the phases of a migration. No program can make a kernel lose a certain race, so
 * the conformance cases `memory/races` hold for whoever wins; here every order is tried, and both ends
 * are seen to be reached.
 */

const devices = { demo: { sim: { memoryPages: 8 } } }

/** What became of one page in all orders of its migration and of what `meanwhile` does to it. */
async function outcomes(
  before: 'hole' | 'written',
  meanwhile: (world: Parameters<Race>[0]) => Promise<unknown>,
): Promise<Set<string>> {
  const seen = new Set<string>()
  const { failure, reason } = await explore(
    async ({ backend, race, control }) => {
      const space = await backend.createAddressSpace()
      const device = await backend.openDevice('demo')
      const page = await space.mmap({ pages: 1 })
      expect(device.memory.pages).toBe(8)
      if (before === 'written') await space.write(page.start, Uint8Array.of(1))
      const mirror = await device.mirror(space, page, { invalidate: () => undefined })
      let outcome: MigrateOutcome | 'failed' = 'failed'
      await race({
        driver: async () => {
          outcome = (await device.memory.migrate(mirror, page, { to: 'device' })).outcome(0)
        },
        process: () => meanwhile({ space, page, control }),
      })
      const [byte] = await space.read(page.start, 1)
      seen.add(`${outcome}, then ${byte}`)
      await mirror.close()
      await space.munmap(page)
      expect(device.memory.freePages, 'no device page is left').toBe(device.memory.pages)
      await device.close()
      await space.close()
    },
    { devices },
  )
  expect([failure?.message, reason]).toEqual([undefined, 'complete'])
  return seen
}

type Race = (world: {
  space: Awaited<ReturnType<World['backend']['createAddressSpace']>>
  page: Awaited<ReturnType<Awaited<ReturnType<World['backend']['createAddressSpace']>>['mmap']>>
  control: World['control']
}) => Promise<unknown>

test('a hole that is filled meanwhile stays as it was filled', async () => {
  const seen = await outcomes('hole', ({ space, page }) =>
    space.write(page.start, Uint8Array.of(7)),
  )
  // Filled before it was collected, between collecting and inserting, and after.
  expect([...seen].sort()).toEqual(['lost-race, then 7', 'migrated, then 7', 'populated, then 7'])
})

test('a page that is dropped while it moves is gone, and nothing is left of it', async () => {
  const seen = await outcomes('written', ({ space, page }) => space.madvise(page, 'dontneed'))
  expect([...seen].sort()).toEqual(['migrated, then 0', 'populated, then 0'])
})

test('a write to a page that moves waits, and is not lost', async () => {
  const seen = await outcomes('written', ({ space, page }) =>
    space.write(page.start, Uint8Array.of(7)),
  )
  expect([...seen]).toEqual(['migrated, then 7'])
})

test('a page that is pinned meanwhile comes back, or never went', async () => {
  const seen = await outcomes('written', async ({ space, page }) => {
    const pinned = await space.pin(page)
    await pinned.close()
  })
  expect(seen).toContain('migrated, then 1')
})

test('a page that reclaim takes first is not there to be moved', async () => {
  const seen = await outcomes('written', async ({ space, page }) => {
    await space.madvise(page, 'pageout').catch((error) => {
      if (!HmmError.is(error)) throw error
    })
  })
  expect([...seen].sort()).toEqual(['migrated, then 1', 'not-present, then 1'])
})
