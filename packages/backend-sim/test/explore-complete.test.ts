import fc from 'fast-check'
import { expect, test } from 'vitest'
import { explore, type ExploreOptions } from '../src/explore/index.js'

/** Runs `actors` that stop at `points` points each with exactly `preemptions`; the orders seen. */
async function orders(
  actors: number,
  points: number,
  preemptions: number,
  options: ExploreOptions = {},
): Promise<{ readonly seen: readonly string[]; readonly schedules: number }> {
  const seen: string[] = []
  const { failure, schedules } = await explore(
    async ({ race, point }) => {
      let order = ''
      const actor = (name: string) => async () => {
        order += name
        for (let i = 0; i < points; i++) {
          await point('p')
          order += name
        }
      }
      const names = ['a', 'b', 'c', 'd'].slice(0, actors)
      await race(Object.fromEntries(names.map((name) => [name, actor(name)])))
      seen.push(order)
    },
    {
      selfCheck: false,
      strategies: { preemptions: [preemptions], randomWalk: false, pct: [] },
      budget: { schedules: 1e6 },
      ...options,
    },
  )
  expect(failure).toBeUndefined()
  return { seen, schedules }
}

/** How often an actor lost its turn although it could have gone on. */
function preemptionsOf(order: string, points: number): number {
  let count = 0
  const left = new Map<string, number>()
  for (let i = 0; i < order.length; i++) {
    const name = order[i]!
    left.set(name, (left.get(name) ?? points + 1) - 1)
    if (i + 1 < order.length && order[i + 1] !== name && left.get(name)! > 0) count++
  }
  return count
}

/** All orders of the actors' steps. */
function allOrders(actors: number, points: number): string[] {
  const names = ['a', 'b', 'c', 'd'].slice(0, actors)
  const extend = (order: string, left: readonly number[]): string[] =>
    left.every((count) => count === 0)
      ? [order]
      : names.flatMap((name, i) =>
          left[i] === 0 ? [] : extend(order + name, left.with(i, left[i]! - 1)),
        )
  return extend(
    '',
    names.map(() => points + 1),
  )
}

test('with k preemptions exactly the schedules that have k run, each once', async () => {
  const sizes = fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 0, max: 2 }),
    fc.integer({ min: 0, max: 4 }),
  )
  await fc.assert(
    fc.asyncProperty(sizes, async ([actors, points, preemptions]) => {
      const { seen, schedules } = await orders(actors, points, preemptions)
      const expected = allOrders(actors, points).filter(
        (order) => preemptionsOf(order, points) === preemptions,
      )
      const fresh = seen.filter((order) => preemptionsOf(order, points) === preemptions)
      expect(fresh.toSorted()).toEqual(expected.toSorted())
      expect(schedules).toBe(expected.length)
    }),
    { numRuns: 30 },
  )
})

test('a small scenario is searched to its end, and said to be', async () => {
  const result = await explore(async ({ race, point }) => {
    await race({ a: () => point('1'), b: () => point('2'), c: () => point('3') })
  })
  // 6! / (2! 2! 2!)
  expect(result).toMatchObject({ reason: 'complete', schedules: 90, failure: undefined })
  // Three of their own, the start, and the end of the race.
  expect(result.coverage.points).toBe(5)
})

test('shards run disjoint parts that make up the whole', async () => {
  for (const preemptions of [0, 1, 2]) {
    const whole = await orders(3, 2, preemptions)
    const parts: string[] = []
    let schedules = 0
    for (let index = 0; index < 3; index++) {
      const part = await orders(3, 2, preemptions, { shard: { index, count: 3 } })
      schedules += part.schedules
      parts.push(...part.seen.filter((order) => preemptionsOf(order, 2) === preemptions))
    }
    expect(schedules).toBe(whole.schedules)
    const unique = new Set(whole.seen.filter((order) => preemptionsOf(order, 2) === preemptions))
    expect(new Set(parts)).toEqual(unique)
  }
})

test('the same seed gives the same schedules, and another one others', async () => {
  const random = async (seed: number, pct: readonly number[]): Promise<readonly string[]> => {
    const { seen } = await orders(3, 4, 0, {
      seed,
      strategies: { preemptions: [], randomWalk: pct.length === 0, pct },
      budget: { schedules: 50 },
    })
    return seen
  }
  for (const pct of [[], [3]]) {
    const first = await random(1, pct)
    expect(new Set(first).size).toBeGreaterThan(10)
    expect(await random(1, pct)).toEqual(first)
    expect(await random(2, pct)).not.toEqual(first)
  }
})

test('the budget ends a search, and progress is told', async () => {
  const told: string[] = []
  const { reason, schedules, completePreemptions } = await explore(
    async ({ race, point, backend }) => {
      expect(backend.status).toBe('open')
      const actor = async () => {
        for (let i = 0; i < 20; i++) await point('p')
      }
      await race({ a: actor, b: actor, c: actor })
    },
    { budget: { schedules: 1500 }, onProgress: ({ strategy }) => told.push(strategy) },
  )
  expect({ reason, schedules }).toEqual({ reason: 'budget', schedules: 1500 })
  expect(completePreemptions).toBe(1)
})

test('unknown options and bad values are refused', async () => {
  const scenario = () => undefined
  await expect(explore(scenario, { bugdet: {} } as never)).rejects.toThrow(
    "unknown option 'bugdet'",
  )
  await expect(explore(scenario, { budget: { schedules: 0 } })).rejects.toThrow('budget.schedules')
  await expect(explore(scenario, { mode: 'quick' } as never)).rejects.toThrow("mode 'quick'")
  await expect(explore(scenario, { shard: { index: 2, count: 2 } })).rejects.toThrow('shard.index')
})
