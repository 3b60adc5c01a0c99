import { virtualAddress, type VirtualRange } from '@hmm-sdk/hmm-api'
import { explore, type World } from '@hmm-sdk/backend-sim/explore'
import { expect, it } from 'vitest'
import { withScene, type Scene } from './parts/scene.js'

/** Where new memory is mapped that is not the old. */
const ELSEWHERE = virtualAddress(0x5000_0000n)

/** Schedules of each test. */
const SCHEDULES = 150

async function survives(scenario: (world: World) => Promise<void>): Promise<void> {
  const { failure, schedules } = await explore(scenario, { budget: { schedules: SCHEDULES } })
  expect(failure && `${failure.message}\n${failure.table}`).toBeUndefined()
  expect(schedules).toBeGreaterThan(1)
}

/** What the process, or the kernel, does to a page that a device has mapped. */
const CHANGES: Record<string, (scene: Scene) => Promise<unknown>> = {
  munmap: ({ space, buffer }) => space.munmap(buffer),
  dontneed: ({ space, buffer }) => space.madvise(buffer, 'dontneed'),
  mprotect: ({ space, buffer }) => space.mprotect(buffer, 'r'),
  mremap: ({ space, buffer }) => space.mremap(buffer, { pages: 2 }),
  reclaim: ({ control, space, buffer }) => control.reclaim(space, buffer),
  compaction: ({ control, space, buffer }) => control.memory.compact(space, buffer),
  'fork and write': async ({ space, buffer }) => {
    const child = await space.fork()
    await child.write(buffer.start, new Uint8Array([9]))
    await child.close()
  },
}

// The scenario of the bugs that live between fault and use, with a driver on Mirror. What the
// process gets afterwards is likely the same memory: a device that reaches what is gone writes there.
it.each(Object.keys(CHANGES))(
  'a driver on Mirror reaches nothing that is gone: %s',
  { timeout: 60_000 },
  (name) =>
    survives((world) =>
      withScene(world, async (scene) => {
        const { device, space, buffer } = scene
        const table = new Map<number, bigint>()
        let fresh: VirtualRange | undefined
        const mirror = await device.mirror(space, buffer, { invalidate: () => table.clear() })
        const use = async (page: VirtualRange): Promise<void> => {
          const install = (mapping: { dmaAddress(index: number): bigint }): void => {
            table.set(page.startPage, mapping.dmaAddress(0))
          }
          await mirror.map(page, { access: 'write' }, install).catch(() => undefined)
          const address = table.get(page.startPage)
          if (address === undefined) return
          const written = device.engine.write(address as never, new Uint8Array([7]))
          await written.catch(() => table.delete(page.startPage))
        }
        await world.race({
          device: () => use(buffer),
          other: () => use(buffer),
          cpu: async () => {
            await CHANGES[name]?.(scene)
            fresh = await space.mmap({ pages: 4, at: ELSEWHERE, populate: true })
          },
        })
        for (const page of fresh?.chunks(1) ?? []) {
          expect(await space.read(page.start, 1)).toEqual(new Uint8Array([0]))
        }
        expect(mirror.callbackFailures).toEqual([])
        await mirror.close()
      }),
    ),
)

it('a failed copy moves no page', { timeout: 60_000 }, () =>
  survives((world) =>
    withScene(world, async ({ device, space, buffer, control }) => {
      await space.write(buffer.start, new Uint8Array([7]))
      const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
      await world.race({
        driver: async () => {
          for (const to of ['device', 'system', 'device'] as const) {
            await device.memory.migrate(mirror, buffer, { to })
          }
        },
        bus: () => device.sync.mutex('bus').run(() => control.failNext('copy')),
        cpu: async () => expect(await space.read(buffer.start, 1)).toEqual(new Uint8Array([7])),
      })
      expect(await space.read(buffer.start, 1)).toEqual(new Uint8Array([7]))
      await mirror.close()
    }),
  ),
)

it('CPU faults of the same device page all end', { timeout: 60_000 }, () =>
  survives((world) =>
    withScene(world, async ({ device, space, buffer }) => {
      const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
      await device.memory.migrate(mirror, buffer, { to: 'device' })
      const touch = (): Promise<Uint8Array> => space.read(buffer.start, 1)
      await world.race({ one: touch, two: touch, three: touch })
      await mirror.close()
    }),
  ),
)

it('a range fault and CPU faults of a device page all end', { timeout: 60_000 }, () =>
  survives((world) =>
    withScene(world, async ({ device, backend, space, buffer }) => {
      const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
      await device.memory.migrate(mirror, buffer, { to: 'device' })
      const other = await backend.openDevice('demo')
      const notifier = await other.notifier(space, buffer, { invalidate: () => undefined })
      await world.race({
        device: () => notifier.faultAndCommit(buffer, { request: 'read' }, () => undefined),
        cpu: () => space.read(buffer.start, 1),
        more: () => space.read(buffer.start, 1),
      })
      await notifier.close()
      await other.close()
      await mirror.close()
    }),
  ),
)

it('CPU touches of an exclusive page all end', { timeout: 60_000 }, () =>
  survives((world) =>
    withScene(world, async ({ device, space, buffer }) => {
      const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
      const touch = (): Promise<Uint8Array> => space.read(buffer.start, 1)
      await world.race({
        device: () => mirror.exclusive(buffer, {}, () => undefined),
        one: touch,
        two: touch,
      })
      await mirror.close()
    }),
  ),
)
