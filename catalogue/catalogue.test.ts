import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BROKEN_BACKENDS, conformanceCases } from '@hmm-sdk/hmm-api/conformance'
import { describe, expect, it } from 'vitest'
import { BUGS } from './bugs.js'
import { CORE_BUGS } from './core-bugs.js'
import { formattedTable, main, readBug, readRun } from './main.js'
import { fixAsDiff, lineDiff } from './parts/fix-as-diff.js'
import { problemsOf, runBug, type BugResult } from './run-bug.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const source = (file: string): string => readFileSync(join(root, 'catalogue', file), 'utf8')
const ids = BUGS.map(({ id }) => id)
/** Schedules of each fixed variant here; `npm run catalogue` runs 50,000. */
const FIXED_SCHEDULES = 100

describe('each bug is found, and its fix holds', () => {
  it.each(BUGS.map((bug) => [bug.id, bug] as const))('%s', { timeout: 60_000 }, async (_, bug) => {
    const result = await runBug(bug, { fixedSchedules: FIXED_SCHEDULES })
    // Seconds are checked by `npm run catalogue`, where nothing else runs.
    expect(problemsOf({ ...result, seconds: 0 }, FIXED_SCHEDULES)).toEqual([])
  })
})

describe('the catalogue', () => {
  it('has every file, at least 30, in order of nothing but its list', () => {
    const files = readdirSync(join(root, 'catalogue/bugs')).map((file) => file.slice(0, -3))
    expect([...ids].sort()).toEqual(files.sort())
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.length).toBeGreaterThanOrEqual(30)
  })

  it('shows each fix as a diff of a few lines', () => {
    for (const id of ids) {
      const diff = fixAsDiff(readBug(root, id))
      const changed = diff.filter((line) => !line.startsWith(' '))
      expect(changed.length, id).toBeGreaterThan(0)
      expect(changed.length, id).toBeLessThanOrEqual(12)
    }
  })

  it('has evidence that exists', () => {
    const cases = new Set(conformanceCases.map(({ address }) => address))
    const types = source('mirror-types.ts')
    const tests = source('mirror.test.ts')
    const all = [
      ...BUGS.flatMap(({ id, mirror }) => mirror.evidence.map((each) => [id, each] as const)),
      ...CORE_BUGS.map(({ upstream, shows }) => [upstream, shows] as const),
    ]
    for (const [of, evidence] of all) {
      const [kind, name = ''] = evidence.split(/:(.*)/s)
      const exists =
        (kind === 'run' && name === '') ||
        (kind === 'case' && cases.has(name)) ||
        (kind === 'type' && types.includes(`function ${name}(`)) ||
        (kind === 'test' && tests.includes(`'${name}'`))
      expect(exists, `${of}: ${evidence}`).toBe(true)
    }
  })

  it('has an answer by exploration where the bug itself is the evidence', () => {
    for (const { id, mirror } of BUGS) {
      const isRun = mirror.evidence.includes('run')
      if (mirror.answer === 'found by exploration') expect(isRun, id).toBe(true)
    }
  })

  it('names broken backends that exist for bugs of the core', () => {
    for (const { broken, shows } of CORE_BUGS) {
      if (broken === '') continue
      const found = BROKEN_BACKENDS.find(({ name }) => name === broken)
      expect(`case:${found?.caughtBy}`).toBe(shows)
    }
  })
})

describe('the committed run', () => {
  const run = readRun(root)

  it('has every bug, within the limits', () => {
    expect(run.results.map(({ id }) => id)).toEqual(ids)
    expect(run.fixedSchedules).toBeGreaterThanOrEqual(50_000)
    for (const result of run.results) {
      expect(problemsOf(result, run.fixedSchedules), result.id).toEqual([])
    }
  })

  it('is what docs/catalogue.md was made of', async () => {
    expect(readFileSync(join(root, 'docs/catalogue.md'), 'utf8')).toBe(
      await formattedTable(root, run),
    )
  })
})

describe('the limits', () => {
  const good: BugResult = {
    id: 'x',
    upstream: 'y',
    schedules: 3,
    switches: 6,
    seconds: 10,
    finding: 'assertion: z',
    token: 't',
    replays: true,
    fixedPasses: 100,
    fixedComplete: false,
    fixedSeconds: 1,
    mirror: 'found by exploration',
  }

  it.each([
    ['all is well', {}, 0],
    ['not found', { schedules: undefined, switches: undefined }, 1],
    ['too slow', { seconds: 10.1 }, 1],
    ['too many switches', { switches: 7 }, 1],
    ['token', { replays: false }, 1],
    ['the fixed variant fails', { fixedPasses: 0, fixedFinding: 'leak' }, 1],
    ['too few schedules', { fixedPasses: 99 }, 1],
    ['few schedules, but all', { fixedPasses: 9, fixedComplete: true }, 0],
  ])('%s', (_, change, problems) => {
    expect(problemsOf({ ...good, ...change }, 100)).toHaveLength(problems)
  })

  it('refuse a bug that is not there', async () => {
    expect(await main(root, ['--only', 'no-such-bug'])).toBe(2)
  })
})

describe('lineDiff', () => {
  it('keeps what is common and in order', () => {
    expect(lineDiff(['a', 'b', 'c'], ['a', 'c', 'd'])).toEqual([' a', '-b', ' c', '+d'])
    expect(lineDiff([], ['a'])).toEqual(['+a'])
    expect(lineDiff(['a'], [])).toEqual(['-a'])
  })
})
