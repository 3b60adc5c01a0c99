import { explore, replay, type Scenario } from '@hmm-sdk/backend-sim/explore'
import { expect, it, vi } from 'vitest'

// Exploring takes its time where others work too.
vi.setConfig({ testTimeout: 120_000 })

type Change = (space: Space, buffer: Range) => Promise<unknown>
type World = Parameters<Scenario>[0]
type Space = Awaited<ReturnType<World['backend']['createAddressSpace']>>
type Range = Awaited<ReturnType<Space['mmap']>>

/**
 * A driver that stops its queue in the first pass and drops its translations in the second, for the
 * sake of others who flush at the same time; `busy` says that the queue has not stopped yet.
 */
function twoPass(change: Change, seen: Set<string>): Scenario {
  return async ({ backend, race, point }) => {
    const space = await backend.createAddressSpace()
    const device = await backend.openDevice('demo')
    const buffer = await space.mmap({ pages: 1 })
    let state = 'idle'
    const mirror = await device.mirror(space, buffer, {
      invalidate: () => {
        state = 'between'
        return () => void (state = 'idle')
      },
    })
    await mirror.map(buffer, { access: 'write' }, () => undefined)
    await race({
      process: () => change(space, buffer),
      driver: async () => {
        await point('look')
        seen.add(state)
      },
    })
    expect(state).toBe('idle')
    await mirror.close()
    await device.close()
    await space.close()
  }
}

const changes: Record<string, Change> = {
  munmap: (space, buffer) => space.munmap(buffer),
  mprotect: (space, buffer) => space.mprotect(buffer, 'r'),
  dontneed: (space, buffer) => space.madvise(buffer, 'dontneed'),
  free: (space, buffer) => space.madvise(buffer, 'free'),
  fork: async (space) => (await space.fork({ name: 'child' })).close(),
  exit: (space) => space.exit(),
}

it.each(Object.keys(changes))('somebody may run between the two passes of %s', async (name) => {
  const seen = new Set<string>()
  const { failure, reason } = await explore(twoPass(changes[name]!, seen))
  expect([failure?.message, reason]).toEqual([undefined, 'complete'])
  expect([...seen].sort()).toEqual(['between', 'idle'])
})

it('what goes wrong there is found, and has a name', async () => {
  const scenario: Scenario = (world) => {
    const seen = new Set<string>()
    return (async () => {
      await twoPass((space, buffer) => space.munmap(buffer), seen)(world)
      if (seen.has('between')) throw new Error('the driver met a queue that is half stopped')
    })()
  }
  const { failure } = await explore(scenario)
  expect(failure?.message).toContain('half stopped')
  expect(failure!.switches).toEqual([
    { from: 'process', point: 'space.munmap notifier-finish', n: 1, to: 'driver' },
  ])
  expect((await replay(failure!.token, scenario))?.message).toContain('half stopped')
})

it('one pass has no point of its own', async () => {
  const { covered } = await explore(
    async ({ backend, race }) => {
      const space = await backend.createAddressSpace()
      const device = await backend.openDevice('demo')
      const buffer = await space.mmap({ pages: 1 })
      const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
      await race({
        process: () => space.munmap(buffer),
        driver: () =>
          mirror.map(buffer, { access: 'read' }, () => undefined).catch(() => undefined),
      })
      await mirror.close()
      await device.close()
      await space.close()
    },
    { covered: true },
  )
  expect(covered!.points).toContain('space.munmap notifier-start')
  expect(covered!.points.filter((point) => point.includes('notifier-finish'))).toEqual([])
})
