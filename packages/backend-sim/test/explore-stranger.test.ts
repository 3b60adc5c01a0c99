import type { AddressSpace, VirtualRange } from '@hmm-sdk/hmm-api'
import {
  describeFailure,
  explore,
  replay,
  type Scenario,
  type World,
} from '@hmm-sdk/backend-sim/explore'
import { expect, it, vi } from 'vitest'

/*
 * What people write who have never seen the explorer: waits of their own, races that nobody awaits,
 * state kept from run to run. Each is found, and named for what it is.
 */

/** Actors that read memory of a process. */
function withMemory(work: (world: World, read: () => Promise<unknown>) => Promise<void>): Scenario {
  return async (world) => {
    const space: AddressSpace = await world.backend.createAddressSpace()
    const buffer: VirtualRange = await space.mmap({ pages: 1 })
    await work(world, () => space.read(buffer.start, 1))
    await space.close()
  }
}

it.each([2, 3, 5])(
  'an actor that does more in every %ith run is nondeterministic, where the self-check saw nothing',
  async (every) => {
    let runs = 0
    const scenario = withMemory(async ({ race }, read) => {
      const more = ++runs % every === 0
      await race({
        a: async () => {
          if (more) await read()
          await read()
        },
        b: read,
      })
    })
    const { failure } = await explore(scenario, { selfCheck: false })
    expect(failure?.kind).toBe('nondeterminism')
    expect(failure?.message).toMatch(/first: .* at .*, or \d other\n {2}then: /)
    expect(failure?.message).toContain('Math.random')
  },
)

it('other calls in the same places are nondeterministic too', async () => {
  let runs = 0
  const { failure } = await explore(
    async ({ backend, race }) => {
      const space = await backend.createAddressSpace()
      const buffer = await space.mmap({ pages: 1 })
      const writes = ++runs % 2 === 0
      await race({
        a: () =>
          writes ? space.write(buffer.start, Uint8Array.of(1)) : space.read(buffer.start, 1),
        b: () => space.read(buffer.start, 1),
      })
      await space.close()
    },
    { selfCheck: false },
  )
  expect(failure?.kind).toBe('nondeterminism')
  expect(describeFailure('x', failure!), 'no token can show it again').not.toContain('hmm1.')
})

it('a race that nobody awaits is said to be one', async () => {
  const { failure } = await explore(async ({ race, point }) => {
    void race({ a: () => point('here'), b: () => point('there') })
  })
  expect(failure?.message).toContain('it ended before its race; write: await race({ ... })')
})

it('the table of somebody who polls for ever can be read', async () => {
  const { failure } = await explore(
    withMemory(async ({ race }, read) => {
      await race({
        poll: async () => {
          for (;;) await read()
        },
        other: read,
      })
    }),
    { maxSteps: 11_000, shrink: false, selfCheck: false },
  )
  expect(failure?.kind).toBe('livelock')
  const lines = failure!.table.split('\n')
  expect(lines.length).toBeLessThan(100)
  expect(failure!.table).toMatch(/… \d{4,} steps like these/)
  // Five digits, and nothing is out of line.
  expect(
    new Set(
      lines
        .slice(2)
        .map((line) => line.indexOf('space.read'))
        .filter((at) => at >= 0),
    ).size,
  ).toBeLessThanOrEqual(2)
  expect(failure!.rows.length).toBeGreaterThan(10_000)
})

it('a switch in the middle of a long schedule is shown', async () => {
  const { failure } = await explore(
    async ({ race, point }) => {
      let at = 0
      await race({
        a: async () => {
          for (let i = 0; i < 300; i++) {
            at = i
            await point('step')
          }
          at = -1
        },
        b: () => {
          if (at === 150) throw new Error('in the middle')
        },
      })
    },
    { budget: { schedules: 2000 } },
  )
  expect(failure?.message).toContain('in the middle')
  expect(failure!.table).toMatch(/^ +\d+ +> start/m)
})

it('an immediate is named, the same in every replay', async () => {
  const scenario = withMemory(async ({ race }, read) => {
    await race({
      a: async () => {
        await read()
        await new Promise((resolve) => void setImmediate(resolve))
      },
      b: read,
    })
  })
  const { failure } = await explore(scenario)
  expect(failure?.kind).toBe('uncontrolled-wait')
  expect(failure?.message).toContain('(Immediate)')
  for (let i = 0; i < 20; i++) {
    expect((await replay(failure!.token, scenario))?.message).toBe(failure!.message)
  }
})

it('a deadlock of promises is shrunk though the process has timers of its own', async () => {
  const timer = setTimeout(() => undefined, 1e6)
  try {
    const scenario = withMemory(async ({ race }, read) => {
      const [one, two] = [new Mutex(), new Mutex()]
      const both = (first: Mutex, second: Mutex) => () =>
        first.run(async () => {
          await read()
          await second.run(read)
        })
      await race({ a: both(one, two), b: both(two, one) })
    })
    const { failure } = await explore(scenario, { strategies: { preemptions: [], pct: [] } })
    expect(failure?.kind).toBe('deadlock')
    expect(failure?.switches).toHaveLength(1)
  } finally {
    clearTimeout(timer)
  }
})

it('where no promise can be followed, as in browsers, that is said, and nothing passes', async () => {
  const scenario = withMemory(async ({ race }, read) => {
    let ready = (): void => undefined
    const started = new Promise<void>((resolve) => (ready = resolve))
    await race({ a: () => started, b: () => read().then(ready) })
  })
  const { failure } = await explore(async ({ race }) =>
    race({ a: () => Promise.reject(new Error('no')) }),
  )
  const builtin = vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never)
  try {
    for (const selfCheck of [true, false]) {
      await expect(explore(scenario, { selfCheck })).rejects.toThrow(/promise of its own.*Storage/)
    }
    await expect(replay(failure!.token, scenario)).rejects.toThrow(/Wait with device\.sync/)
    // What waits for the API only needs nobody to follow it.
    expect(
      (await explore(withMemory(({ race }, read) => race({ a: read, b: read })))).failure,
    ).toBeUndefined()
  } finally {
    builtin.mockRestore()
  }
})

it('without a step there is no empty table', async () => {
  const { failure } = await explore(async () => {
    throw new Error('no')
  })
  expect(describeFailure('x', failure!)).toMatch(/failed: no\n\nreplay: hmm1\.\S+\n$/)
})

/** Somebody's own: nothing of it is known to the explorer. */
class Mutex {
  #tail: Promise<unknown> = Promise.resolve()

  run(work: () => Promise<unknown>): Promise<unknown> {
    this.#tail = this.#tail.then(work)
    return this.#tail
  }
}
