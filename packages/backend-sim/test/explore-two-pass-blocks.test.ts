import type { AddressSpace, VirtualRange } from '@hmm-sdk/hmm-api'
import { explore, type World } from '@hmm-sdk/backend-sim/explore'
import { expect, it, vi } from 'vitest'

// Exploring takes its time where others work too.
vi.setConfig({ testTimeout: 120_000 })

/*
 * Others may run between the two passes of an invalidation also where huge pages, files and writeback
 * cause it; and whoever comes in there finds its bytes, and leaves none behind.
 */

const BLOCK = 512

interface Scene extends Pick<World, 'control'> {
  readonly space: AddressSpace
  readonly buffer: VirtualRange
  /** Closed at the end. */
  readonly made: { close(): Promise<unknown> }[]
}
type Step = (scene: Scene) => Promise<unknown>

interface Case {
  readonly map: (space: AddressSpace, made: Scene['made']) => Promise<VirtualRange>
  /** Until the device maps the memory. */
  readonly before?: Step
  readonly change: Step
}

const touch: Step = async ({ space, buffer }) => {
  for (const page of [0, 5, BLOCK - 1])
    await space.write(buffer.at(page * 4096), Uint8Array.of(page))
}
const huge = async (space: AddressSpace): Promise<VirtualRange> => {
  const buffer = await space.mmap({ pages: BLOCK })
  await space.madvise(buffer, 'hugepage')
  return buffer
}
const small = (space: AddressSpace): Promise<VirtualRange> => space.mmap({ pages: BLOCK })
const pool = (space: AddressSpace): Promise<VirtualRange> =>
  space.mmap({ pages: BLOCK, hugetlb: '2M' })
const ofFile =
  (hugetlb?: '2M'): Case['map'] =>
  async (space, made) => {
    const file = await space.createFile({ pages: BLOCK, ...(hugetlb && { hugetlb }) })
    made.push(file)
    return space.mmap({ pages: BLOCK, file, shared: true })
  }
const fork: Step = async ({ space, made }) => {
  const child = await space.fork({ name: 'child' })
  made.push(child)
  return child
}

const cases: Readonly<Record<string, Case>> = {
  'a collapse': {
    map: small,
    before: async (scene) => {
      await touch(scene)
      await scene.space.madvise(scene.buffer, 'hugepage')
    },
    change: ({ space, buffer, control }) => control.memory.collapse(space, buffer),
  },
  'a split for new rights': {
    map: huge,
    change: ({ space, buffer }) => space.mprotect(buffer.slice(5, 8), 'r'),
  },
  'a split for reclaim': {
    map: huge,
    change: ({ space, buffer, control }) => control.reclaim(space, buffer.page(5)),
  },
  'a write to the huge zero page': {
    map: huge,
    before: ({ space, buffer }) => space.read(buffer.at(4096), 1),
    change: ({ space, buffer }) => space.write(buffer.at(9 * 4096 + 8), Uint8Array.of(9)),
  },
  'a copy of a shared huge page': {
    map: pool,
    before: async (scene) => {
      await touch(scene)
      await fork(scene)
    },
    change: ({ space, buffer }) => space.write(buffer.at(9 * 4096 + 8), Uint8Array.of(9)),
  },
  'mprotect of hugetlb': {
    map: pool,
    change: ({ space, buffer }) => space.mprotect(buffer, 'r'),
  },
  'dontneed of hugetlb': {
    map: pool,
    change: ({ space, buffer }) => space.madvise(buffer, 'dontneed'),
  },
  'a fork of hugetlb': {
    map: pool,
    change: fork,
  },
  'a hole in a hugetlb file': {
    map: ofFile('2M'),
    change: ({ space, buffer }) => space.madvise(buffer, 'remove'),
  },
  'writeback of a file': {
    map: ofFile(),
    change: ({ space, buffer, control }) => control.memory.writeback(space, buffer.page(5)),
  },
}

/** Explores `change` of `one` beside what `comes`; where the driver's queue was when it was looked at. */
async function between(one: Case, comes: Step): Promise<Set<string>> {
  const seen = new Set<string>()
  const { failure } = await explore(
    async ({ backend, control, race, point }) => {
      const space = await backend.createAddressSpace()
      const device = await backend.openDevice('demo')
      const made: Scene['made'] = []
      const buffer = await one.map(space, made)
      const scene = { space, buffer, control, made }
      await (one.before ?? touch)(scene)
      let state = 'idle'
      const mirror = await device.mirror(space, buffer, {
        invalidate: () => {
          state = 'between'
          return () => void (state = 'idle')
        },
      })
      // Who comes too late, or in between, may be told so.
      const told = (error: unknown): void => {
        if (!(error instanceof Error) || !('code' in error)) throw error
      }
      await race({
        kernel: () => one.change(scene).catch(told),
        driver: async () => {
          await point('look')
          seen.add(state)
        },
        other: () => comes(scene).catch(told),
      })
      expect(state).toBe('idle')
      await space.read(buffer.at(5 * 4096), 16).catch(told)
      expect(control.problems()).toEqual([])
      await mirror.close()
      await device.close()
      for (const each of made) await each.close()
      await space.close()
    },
    { simulation: { thp: 'madvise' }, budget: { schedules: 120 } },
  )
  expect(failure?.message).toBeUndefined()
  return seen
}

it.each(Object.keys(cases))('somebody may run between the two passes of %s', async (name) => {
  const seen = await between(cases[name]!, async () => undefined)
  expect([...seen].sort()).toEqual(['between', 'idle'])
})

const meanwhile: Readonly<Record<string, Step>> = {
  'a write': ({ space, buffer }) => space.write(buffer.at(5 * 4096 + 8), Uint8Array.of(8)),
  dontneed: ({ space, buffer }) => space.madvise(buffer.page(5), 'dontneed'),
  munmap: ({ space, buffer }) => space.munmap(buffer),
  reclaim: ({ space, buffer, control }) => control.reclaim(space, buffer.page(5)),
  fork: async ({ space, buffer, made }) => {
    const child = await space.fork({ name: 'grandchild' })
    made.push(child)
    await child.write(buffer.at(5 * 4096 + 8), Uint8Array.of(3))
  },
}

it.each(Object.keys(cases))('nothing is lost when others come in, in %s', async (name) => {
  for (const comes of Object.values(meanwhile)) await between(cases[name]!, comes)
})
