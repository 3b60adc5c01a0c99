import { explore, replay, type ExploreOptions, type Scenario } from '@hmm-sdk/backend-sim/explore'
import { expect, it, vi } from 'vitest'

// Exploring takes its time where others work too.
vi.setConfig({ testTimeout: 120_000 })

type World = Parameters<Scenario>[0]
/** What the process, or the kernel for it, does to the memory. */
type Change = (space: Space, buffer: Range, made: Made) => Promise<unknown>
type Device = Awaited<ReturnType<World['backend']['openDevice']>>
interface Made extends Pick<World, 'control'> {
  /** Of the driver that is told. */
  readonly mirror: Awaited<ReturnType<Device['mirror']>>
  /** Of another device. */
  readonly other: Awaited<ReturnType<Device['mirror']>>
}
type Space = Awaited<ReturnType<World['backend']['createAddressSpace']>>
type Range = Awaited<ReturnType<Space['mmap']>>

/**
 * A driver that stops its queue in the first pass and drops its translations in the second, for the
 * sake of others who flush at the same time; `busy` says that the queue has not stopped yet.
 */
function twoPass(change: Change, seen: Set<string>, before: Change = mapForWriting): Scenario {
  return async ({ backend, control, race, point }) => {
    const space = await backend.createAddressSpace()
    const device = await backend.openDevice('demo')
    const otherDevice = await backend.openDevice('other')
    expect([device.memory.pages, otherDevice.memory.pages]).toEqual([4, 4])
    const buffer = await space.mmap({ pages: 1 })
    let state = 'idle'
    const mirror = await device.mirror(space, buffer, {
      invalidate: () => {
        state = 'between'
        return () => void (state = 'idle')
      },
    })
    const other = await otherDevice.mirror(space, buffer, { invalidate: () => undefined })
    const made = { control, mirror, other }
    await before(space, buffer, made)
    state = 'idle'
    await race({
      process: () => change(space, buffer, made),
      driver: async () => {
        await point('look')
        seen.add(state)
      },
    })
    expect(state).toBe('idle')
    await other.close()
    await mirror.close()
    await otherDevice.close()
    await device.close()
    await space.close()
  }
}

const mapForWriting: Change = (_space, buffer, { mirror }) =>
  mirror.map(buffer, { access: 'write' }, () => undefined)

const withMemory = {
  devices: { demo: { sim: { memoryPages: 4 } }, other: { sim: { memoryPages: 4 } } },
} satisfies ExploreOptions

const changes: Record<string, Change> = {
  munmap: (space, buffer) => space.munmap(buffer),
  mprotect: (space, buffer) => space.mprotect(buffer, 'r'),
  dontneed: (space, buffer) => space.madvise(buffer, 'dontneed'),
  free: (space, buffer) => space.madvise(buffer, 'free'),
  fork: async (space) => (await space.fork({ name: 'child' })).close(),
  exit: (space) => space.exit(),
}

/** Done by a fault, a device or the kernel itself, to memory that is in a certain state. */
const others: Record<string, readonly [before: Change, change: Change]> = {
  'the first write after a read': [
    (space, buffer) => space.read(buffer.start, 1),
    (space, buffer) => space.write(buffer.start, Uint8Array.of(1)),
  ],
  'a copy for another device': [
    (space, buffer) => space.read(buffer.start, 1),
    (_space, buffer, { other }) => other.map(buffer, { access: 'write' }, () => undefined),
  ],
  'a migration by another device': [
    mapForWriting,
    (_space, buffer, { other }) => other.device.memory.migrate(other, buffer, { to: 'device' }),
  ],
  'an exclusive grant to another device': [
    mapForWriting,
    (_space, buffer, { other }) => other.exclusive(buffer, {}, () => undefined),
  ],
  'a touch of what is exclusive': [
    (_space, buffer, { mirror }) => mirror.exclusive(buffer, {}, () => undefined),
    (space, buffer) => space.read(buffer.start, 1),
  ],
  'the eviction of a device': [
    async (_space, buffer, { mirror }) => {
      await mirror.device.memory.migrate(mirror, buffer, { to: 'device' })
      await mirror.map(buffer, { access: 'write' }, () => undefined)
    },
    (_space, _buffer, { mirror }) => mirror.device.memory.evict(),
  ],
  reclaim: [mapForWriting, (space, buffer, { control }) => control.reclaim(space, buffer)],
  'reclaim of what was given up': [
    async (space, buffer, { mirror }) => {
      await space.write(buffer.start, Uint8Array.of(1))
      await space.madvise(buffer, 'free')
      await mirror.map(buffer, { access: 'read' }, () => undefined)
    },
    (space, buffer, { control }) => control.reclaim(space, buffer),
  ],
  poison: [mapForWriting, (space, buffer, { control }) => control.memory.poison(space, buffer)],
  compaction: [
    mapForWriting,
    (space, buffer, { control }) => control.memory.compact(space, buffer),
  ],
}

it.each(Object.keys(others))('and of %s', async (name) => {
  const [before, change] = others[name]!
  const seen = new Set<string>()
  const { failure, reason } = await explore(twoPass(change, seen, before), withMemory)
  expect([failure?.message, reason]).toEqual([undefined, 'complete'])
  expect([...seen].sort()).toEqual(['between', 'idle'])
})

/** What may come in between, without harm. */
const meanwhile: Record<string, Change> = {
  write: (space, buffer) => space.write(buffer.at(8), Uint8Array.of(9)),
  dontneed: (space, buffer) => space.madvise(buffer, 'dontneed'),
  fork: async (space, buffer) => {
    const child = await space.fork({ name: 'child' })
    try {
      await child.read(buffer.start, 1)
      await child.write(buffer.at(8), Uint8Array.of(3))
    } finally {
      await child.close()
    }
  },
  reclaim: (space, buffer, { control }) => control.reclaim(space, buffer),
  map: (_space, buffer, { mirror }) => mirror.map(buffer, { access: 'write' }, () => undefined),
}

it.each(Object.keys(others))(
  'nothing is lost or counted wrong when others come in, in %s',
  async (name) => {
    const [before, change] = others[name]!
    for (const comes of Object.values(meanwhile)) {
      const scenario: Scenario = async ({ backend, control, race }) => {
        const space = await backend.createAddressSpace()
        const device = await backend.openDevice('demo')
        const otherDevice = await backend.openDevice('other')
        const buffer = await space.mmap({ pages: 1 })
        const invalidate = () => () => undefined
        const mirror = await device.mirror(space, buffer, { invalidate })
        const other = await otherDevice.mirror(space, buffer, { invalidate: () => undefined })
        const made = { control, mirror, other }
        await before(space, buffer, made)
        // Who comes too late, or in between, may be told so.
        const told = (error: unknown): void => {
          if (!(error instanceof Error) || !('code' in error)) throw error
        }
        await race({
          change: () => Promise.resolve(change(space, buffer, made)).catch(told),
          comes: () => Promise.resolve(comes(space, buffer, made)).catch(told),
        })
        await space.read(buffer.start, 16).catch(told)
        await other.close()
        await mirror.close()
        await otherDevice.close()
        await device.close()
        await space.close()
      }
      const { failure } = await explore(scenario, { ...withMemory, budget: { schedules: 100 } })
      expect(failure?.message).toBeUndefined()
    }
  },
)

it.each(Object.keys(changes))('somebody may run between the two passes of %s', async (name) => {
  const seen = new Set<string>()
  const { failure, reason } = await explore(twoPass(changes[name]!, seen), withMemory)
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
  const { failure } = await explore(scenario, withMemory)
  expect(failure?.message).toContain('half stopped')
  expect(failure!.switches).toEqual([
    { from: 'process', point: 'space.munmap notifier-finish', n: 1, to: 'driver' },
  ])
  expect((await replay(failure!.token, scenario, withMemory))?.message).toContain('half stopped')
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
