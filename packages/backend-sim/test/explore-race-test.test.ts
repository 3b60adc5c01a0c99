import { expect, test } from 'vitest'
import { RaceError, raceTest, type Scenario } from '../src/explore/index.js'

raceTest('a scenario without a race passes under vitest', async ({ race, point }) => {
  await race({ a: () => point('p'), b: () => point('p') })
})

/** Runs what `raceTest` registers; what it threw. */
async function outcome(scenario: Scenario): Promise<unknown> {
  const tests: [string, () => Promise<void>][] = []
  raceTest('counter', scenario, { test: (name, run) => tests.push([name, run]) })
  expect(tests.map(([name]) => name)).toEqual(['counter'])
  try {
    await tests[0]![1]()
  } catch (error) {
    return error
  }
  return undefined
}

test('the failure message is why, the table and the token', async () => {
  const error = await outcome(async ({ race, point }) => {
    let count = 0
    const add = async (): Promise<void> => {
      const before = count
      await point('between')
      count = before + 1
    }
    await race({ a: add, b: add })
    expect(count).toBe(2)
  })
  expect(error).toBeInstanceOf(RaceError)
  const { message, failure, cause } = error as RaceError
  expect(message).toContain("assertion in 'counter' (found in schedule")
  expect(message).toContain(failure.table)
  expect(message).toContain(`replay: ${failure.token}`)
  expect(cause).toBe(failure.error)
  expect(await outcome(({ race }) => race({ a: () => undefined }))).toBeUndefined()
})
