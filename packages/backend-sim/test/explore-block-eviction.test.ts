import { explore } from '@hmm-sdk/backend-sim/explore'
import { expect, it } from 'vitest'

const BLOCK = 512

it('a block that somebody begins to share is not moved under them', async () => {
  let shared = 0
  const { failure } = await explore(
    async ({ backend, race }) => {
      const space = await backend.createAddressSpace()
      const device = await backend.openDevice('demo')
      const buffer = await space.mmap({ pages: BLOCK })
      await space.madvise(buffer, 'hugepage')
      for (const page of [5, 511]) await space.write(buffer.page(page).start, Uint8Array.of(page))
      const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
      await device.memory.migrate(mirror, buffer, { to: 'device' })
      // It has but later pages of the block, one by one; somebody watches two of them.
      const child = await space.fork({ name: 'child' })
      await child.munmap(buffer.page(0))
      const watched = buffer.slice(510, 2)
      const other = await device.mirror(child, watched, { invalidate: () => () => undefined })
      let grandchild: typeof child | undefined
      await race({
        evict: () => device.memory.evict(),
        fork: async () => {
          grandchild = await child.fork({ name: 'grandchild' })
        },
      })
      for (const each of [space, child, grandchild!]) {
        for (const page of [5, 511]) {
          expect(await each.read(buffer.page(page).start, 1)).toEqual(Uint8Array.of(page & 255))
        }
      }
      expect(device.memory.freePages).toBe(BLOCK)
      shared++
      await grandchild!.close()
      await other.close()
      await child.close()
      await mirror.close()
      await device.close()
      await space.close()
    },
    { devices: { demo: { sim: { memoryPages: BLOCK } } }, budget: { schedules: 60 } },
  )
  expect(failure?.message).toBeUndefined()
  expect(shared).toBeGreaterThan(1)
})
