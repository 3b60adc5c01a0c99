import { openBackend } from '@hmm-sdk/hmm-api'
import { control, createSimulation } from '@hmm-sdk/backend-sim'
import { expect, it } from 'vitest'

it('pagesOf says which frame is where, and who may write', async () => {
  const backend = await openBackend({ backend: createSimulation(), config: false })
  const levers = control(backend)
  const space = await backend.createAddressSpace()
  const device = await backend.openDevice('demo')
  const range = await space.mmap({ pages: 3 })
  expect(levers.pagesOf(space, range)).toEqual([undefined, undefined, undefined])

  await space.write(range.page(0).start, new Uint8Array([1]))
  await space.read(range.page(1).start, 1)
  const [written, zero, hole] = levers.pagesOf(space, range)
  expect(written?.writable).toBe(true)
  expect(zero?.writable).toBe(false)
  expect(hole).toBeUndefined()

  // The same frames as a range fault finds.
  const notifier = await device.notifier(space, range, { invalidate: () => undefined })
  await notifier.faultAndCommit(range, {}, (pages) => {
    expect(Number(pages.frame(0))).toBe(written?.frame)
    expect(Number(pages.frame(1))).toBe(zero?.frame)
  })
  await notifier.close()

  const child = await space.fork()
  expect(levers.pagesOf(space, range.page(0))).toEqual([{ frame: written?.frame, writable: false }])
  await space.write(range.page(0).start, new Uint8Array([2]))
  expect(levers.pagesOf(space, range)[0]).not.toEqual(levers.pagesOf(child, range)[0])
  await child.close()

  await levers.reclaim(space, range.page(0))
  expect(levers.pagesOf(space, range)[0]).toBeUndefined()

  await space.exit()
  expect(levers.pagesOf(space, range)).toEqual([undefined, undefined, undefined])
  await backend.close()
})
