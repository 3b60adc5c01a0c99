import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
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
  // Where the test stands, not where it was thrown.
  expect((error as Error).stack).toMatch(/\n\n {4}at outcome \(.*explore-race-test\.test\.ts:\d+/)
  expect(await outcome(({ race }) => race({ a: () => undefined }))).toBeUndefined()
})

test('under node:test it registers a test there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'race-test-'))
  const outfile = join(folder, 'counter.test.mjs')
  const contents = `
    import { raceTest } from './src/explore/index.ts'
    raceTest('counter', async ({ race, point }) => {
      let count = 0
      const add = async () => {
        const before = count
        await point('between')
        count = before + 1
      }
      await race({ a: add, b: add })
      if (count !== 2) throw new Error('an update is lost')
    })
  `
  const resolveDir = join(import.meta.dirname, '..')
  const conditions = ['@hmm-sdk/source']
  const stdin = { contents, resolveDir, loader: 'js' as const }
  await build({ stdin, bundle: true, platform: 'node', format: 'esm', conditions, outfile })
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, [outfile], (_error, stdout) => resolve(stdout))
  })
  await rm(folder, { recursive: true })
  expect(output).toContain("assertion in 'counter' (found in schedule")
  expect(output).toContain('replay: hmm1.')
})
