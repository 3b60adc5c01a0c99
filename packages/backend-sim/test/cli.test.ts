import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mergeParts } from '../src/cli/merge-parts.js'
import type { PartResult } from '../src/cli/part-result.js'
import { runCli } from '../src/cli/run-cli.js'

const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url))
let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'hmm-cli-'))), 60_000)
afterAll(() => rm(folder, { recursive: true }))

/** Runs the command in this thread; threads are tried with the packed packages. */
async function hmm(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  let out = ''
  let error = ''
  const code = await runCli(args, {
    out: (text) => void (out += text),
    error: (text) => void (error += text),
    folder: fixtures,
    worker: new URL('file:///nowhere'),
  })
  return { code, out, error }
}

const explore = (target: string, ...more: string[]): ReturnType<typeof hmm> =>
  hmm('explore', `scenarios.mjs#${target}`, '--workers', '1', '--json', ...more)

function linesOf(out: string): Record<string, unknown>[] {
  const lines = out.trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** All of a result but the time that it took. */
function timeless({
  seconds: _seconds,
  ...rest
}: Record<string, unknown>): Record<string, unknown> {
  return rest
}

test.each([
  ['good', 0],
  ['broken', 1],
] as const)(
  'shards of %s, merged, are the same as one run',
  { timeout: 120_000 },
  async (name, expected) => {
    const budget = ['--schedules', '240', '--parts', '12']
    const whole = await explore(name, ...budget)
    expect(whole.code, whole.error).toBe(expected)
    const merged = linesOf(whole.out).at(-1)!
    expect(merged).toMatchObject({ hmm: 'exploration', plan: { schedules: 240, parts: 12 } })
    const files: string[] = []
    for (const index of [2, 0, 1]) {
      const shard = await explore(name, ...budget, '--shard', `${index}/3`)
      const file = join(folder, `${name}-${index}.jsonl`)
      await writeFile(file, shard.out)
      files.push(file)
    }
    const again = await hmm('merge', ...files, '--json')
    expect(again.code, again.error).toBe(expected)
    expect(timeless(linesOf(again.out)[0]!)).toEqual(timeless(merged))
  },
)

test('what was found is told with its table and its token', async () => {
  const { code, out } = await hmm('explore', 'scenarios.mjs#broken', '--workers', '1')
  expect(code).toBe(1)
  expect(out).toMatch(/^stale-access in part \d+: the device/m)
  expect(out).toMatch(/; ended: a failure$/m)
  const [, token = ''] = /^npx hmm replay 'scenarios\.mjs#broken' (hmm1\.\S+)$/m.exec(out) ?? []
  const again = await hmm('replay', 'scenarios.mjs#broken', token)
  expect(again).toMatchObject({ code: 1, error: '' })
  expect(again.out).toMatch(/^stale-access in .*: the device/)
  const json = await hmm('replay', 'scenarios.mjs#broken', token, '--json')
  expect(linesOf(json.out)).toMatchObject([{ hmm: 'replay', failure: { kind: 'stale-access' } }])
  const other = await hmm('replay', 'scenarios.mjs#good', token)
  expect(other).toMatchObject({ code: 2, error: expect.stringContaining("'broken', not 'good'") })
  const damaged = await hmm('replay', 'scenarios.mjs#broken', token.slice(0, -3))
  expect(damaged).toMatchObject({ code: 2, error: expect.stringContaining('damaged') })
})

test('a terminal sees how far it is, in one line that is gone at the end; a pipe does not', async () => {
  const lines: string[] = []
  let out = ''
  await runCli(
    ['explore', 'scenarios.mjs#good', '--workers', '1', '--schedules', '60', '--parts', '3'],
    {
      out: (text) => void (out += text),
      error: (text) => void (out += text),
      progress: (line) => void lines.push(line),
      folder: fixtures,
      worker: new URL('file:///nowhere'),
    },
  )
  const target = 'scenarios.mjs#good'
  expect(lines.map((line) => line.split(' schedules')[0]!.replace(/\d+$/, 'N'))).toEqual([
    `${target}: 0 of 3 parts, N`,
    `${target}: 1 of 3 parts, N`,
    `${target}: 2 of 3 parts, N`,
    `${target}: 3 of 3 parts, N`,
    '',
  ])
  expect(lines.at(-2)).toMatch(
    /, [1-9]\d* schedules, \d+\/s, [1-9]\d* points, [1-9]\d* racing pairs$/,
  )
  expect(out).toMatch(/^scenarios\.mjs#good: \d+ schedules/)
  expect(out).toMatch(/; ended: budget used up\n {2}no findings\n$/)
})

test(
  'every part is told on a line, and together they see what one run sees',
  { timeout: 120_000 },
  async () => {
    const { out } = await explore('good', '--schedules', '400', '--parts', '4')
    const parts = linesOf(out).slice(0, -1) as unknown as PartResult[]
    expect(parts.map(({ part }) => part)).toEqual([0, 1, 2, 3])
    const one = await explore('good', '--schedules', '400', '--parts', '1')
    const [all] = linesOf(one.out) as unknown as PartResult[]
    const schedules = parts.reduce((sum, each) => sum + each.schedules, 0)
    expect(schedules).toBeLessThanOrEqual(400)
    expect(new Set(parts.flatMap(({ covered }) => covered.points))).toEqual(
      new Set(all!.covered.points),
    )
  },
)

test('a command line or a file that makes no sense says what would', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['explore', 'scenarios.mjs#absent'], /no scenario 'absent'; it exports broken, good, notOne/],
    [['explore', 'scenarios.mjs#notOne'], /no scenario 'notOne'/],
    [['explore', 'scenarios.mjs'], /no scenario 'default'/],
    [['explore', 'absent.ts#x'], /'absent.ts' is neither a file in .* nor an installed package/],
    [['explore', 'https://example.org/x.js#x'], /only file: and data: URLs/],
    [['explore', 'scenarios.mjs#good', '--shard', '3/3'], /It is i\/n with i from 0/],
    [['explore', 'scenarios.mjs#good', '--shard', '0/33'], /33 shards are more than 32 parts/],
    [['explore', 'scenarios.mjs#good', '--schedules', '0'], /1 or more/],
    [['merge', join(fixtures, 'scenarios.mjs')], /scenarios.mjs:1: not a result of hmm explore/],
    [['replay', 'scenarios.mjs#good'], /is a scenario, and needs a token/],
    [['merge', join(fixtures, 'absent.jsonl')], /ENOENT/],
    [['frobnicate'], /unknown command/],
  ]
  for (const [args, message] of cases) {
    const { code, error } = await hmm(...args)
    expect(error, args.join(' ')).toMatch(message)
    expect(code).toBe(2)
  }
  expect(await hmm('--help')).toMatchObject({ code: 0, out: expect.stringContaining('merge') })
})

test('a run is recorded, and replayed with what is around it', { timeout: 120_000 }, async () => {
  for (const [name, expected] of [
    ['good', 0],
    ['broken', 1],
  ] as const) {
    const file = join(folder, `${name}.recording`)
    const target = `scenarios.mjs#${name}`
    const recorded = await hmm('record', target, '--backend', 'sim', '--out', file)
    expect(recorded).toMatchObject({ code: 0, error: '' })
    expect(recorded.out).toMatch(/\d calls on backend 'sim'/)
    const { code, out } = await hmm('replay', file, '--json', '--schedules', '200')
    expect(code, out).toBe(expected)
    expect(linesOf(out)).toMatchObject([{ hmm: 'replay', token: expect.stringMatching(/^hmm1\./) }])
    const text = await hmm('replay', file, '--target', target, '--schedules', '200')
    expect(text.out).toMatch(/^followed \d+ of \d+ calls; \d+ schedules in it and around it/)
    expect(text.out).toContain(expected === 0 ? 'no findings' : 'stale-access: ')
  }
  expect(await hmm('replay', join(fixtures, 'scenarios.mjs'))).toMatchObject({ code: 2 })
})

/** A part as if it had run. */
function part(number: number, failure: boolean, parts: number): PartResult {
  return {
    hmm: 'part',
    version: 1,
    plan: { target: 'x#y', schedules: 10 * parts, parts, seed: 1 },
    part: number,
    schedules: 10,
    points: 100 + number,
    completePreemptions: number % 3,
    reason: failure ? 'failure' : 'budget',
    mode: 'batched',
    covered: { points: ['a', `b${number % 2}`], pairs: [`a | b${number % 3}`] },
    seconds: 1,
    failure: failure
      ? {
          kind: 'assertion',
          message: `m${number}`,
          switches: [],
          token: `t${number}`,
          table: '',
          schedulesUntilFound: 3,
        }
      : null,
  }
}

test('merging does not depend on order, on repeats, or on what ran behind a failure', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }),
      fc.infiniteStream(fc.nat(1000)),
      (failing, random) => {
        const all = failing.map((failure, number) => part(number, failure, failing.length))
        const expected = mergeParts(all)
        const first = failing.indexOf(true)
        const ran = all.filter(({ part: at }) => {
          return first < 0 || at <= first || random.next().value! % 2 === 0
        })
        const repeated = [...ran, ran[random.next().value! % ran.length]!]
        const mixed = repeated
          .map((each) => ({ each, at: random.next().value! }))
          .sort((a, b) => a.at - b.at)
          .map(({ each }) => each)
        expect(mergeParts(mixed)).toEqual(expected)
        expect(expected.failure?.part ?? -1).toBe(first)
        expect(expected.parts).toBe(first < 0 ? failing.length : first + 1)
      },
    ),
  )
})

test('parts that do not fit together, or are missing, are refused', () => {
  const parts = [0, 1, 2].map((number) => part(number, false, 3))
  expect(() => mergeParts([])).toThrow(/no parts/)
  expect(() => mergeParts([parts[0]!, parts[2]!])).toThrow(/1 of 3 parts are missing: 1;/)
  expect(() => mergeParts([...parts, part(0, false, 4)])).toThrow(/different explorations/)
  expect(mergeParts(parts)).toMatchObject({
    schedules: 30,
    points: 303,
    completePreemptions: 0,
    coverage: { points: 3, racingPairs: 3 },
  })
})
