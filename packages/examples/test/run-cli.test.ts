import { parseRecording, replay, replayRecording } from '@hmm-sdk/backend-sim/explore'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { runCli } from '../src/run-cli.js'
import { nouveau, odp } from '../src/run-scenarios.js'
import type { Summary } from '../src/index.js'

// Exploring takes its time where others work too.
vi.setConfig({ testTimeout: 120_000 })
afterEach(() => void vi.unstubAllEnvs())

async function run(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  let out = ''
  let error = ''
  const code = await runCli(args, {
    out: (text) => void (out += text),
    error: (text) => void (error += text),
    isTerminal: false,
  })
  return { code, out, error }
}

test('tells the story of each example to a person', async () => {
  const { code, out, error } = await run('all')
  expect(code, error).toBe(0)
  expect(out).toMatch(/^odp on sim: ok/)
  expect(out).toMatch(/\nnouveau on sim: ok/)
  expect(out).toMatch(/bytes checked +\d+/)
  expect(error).toBe('')
})

test('prints exactly one JSON object for one example', async () => {
  const { code, out } = await run('odp', '--json', '--backend', 'sim')
  expect(code).toBe(0)
  const summary = JSON.parse(out) as Summary
  expect(Object.keys(summary)).toEqual([
    'example',
    'backend',
    'ok',
    'verifiedBytes',
    'counters',
    'flows',
    'leaks',
    'durationMs',
  ])
  // The story has requests for what was unmapped, which the driver refuses.
  const { faults, mapped, failed } = summary.flows
  expect(faults).toBeGreaterThan(0)
  expect(failed).toBeGreaterThan(0)
  expect(mapped).toBeGreaterThanOrEqual(faults - failed)
})

test('prints one JSON object on a line for each of all', async () => {
  const { out } = await run('--json')
  const lines = out.trim().split('\n')
  expect(lines.map((line) => (JSON.parse(line) as Summary).example)).toEqual(['odp', 'nouveau'])
})

test('a backend that is not there is an error with a hint, and no stack', async () => {
  const { code, out, error } = await run('odp', '--backend', 'no-such-backend')
  expect(code).toBe(1)
  expect(out).toBe('')
  expect(error).toMatch(/^ENOENT: .*no-such-backend.*\n {2}npm install no-such-backend/)
  expect(error).not.toContain('    at ')
})

test('HMM_BACKEND chooses, and the argument comes first', async () => {
  vi.stubEnv('HMM_BACKEND', 'no-such-backend')
  expect((await run('odp', '--json')).error).toContain('chosen by HMM_BACKEND')
  expect((await run('odp', '--json', '--backend', 'sim')).code).toBe(0)
})

test('a command line that makes no sense is refused', async () => {
  expect(await run('rdma')).toMatchObject({ code: 2, error: expect.stringContaining('odp') })
  expect((await run('odp', '--frobnicate')).code).toBe(2)
  expect(await run('--help')).toMatchObject({ code: 0, out: expect.stringContaining('--json') })
})

test('--fail-every-step prints the number of points, or one JSON object', async () => {
  const { code, out } = await run('odp', '--fail-every-step', '--pairs', '3')
  expect(code, out).toBe(0)
  expect(out).toMatch(/^odp: \d+ points failed one by one, 3 of \d+ pairs/)
  expect(out).toContain('no findings')
  const json = await run('odp', '--fail-every-step', '--pairs', '0', '--json')
  expect(JSON.parse(json.out)).toMatchObject({ example: 'odp', ok: true, findings: [] })
  expect(json.out.trim().split('\n')).toHaveLength(1)
})

test('--fail-every-step needs the simulation', async () => {
  const { code, error } = await run('odp', '--fail-every-step', '--backend', 'kernel')
  expect(code).toBe(1)
  expect(error).toMatch(/^EOPNOTSUPP: --fail-every-step works on the simulation only/)
  expect((await run('odp', '--fail-every-step', '--pairs', 'many')).code).toBe(2)
})

test.each(['odp', 'nouveau'])('--record writes down a race of %s that replays', async (name) => {
  const folder = await mkdtemp(join(tmpdir(), 'hmm-record-'))
  const file = join(folder, 'race.recording')
  try {
    const { code, out } = await run(name, '--record', file, '--json')
    expect(code, out).toBe(0)
    const summary = JSON.parse(out) as { calls: number }
    expect(summary).toMatchObject({ example: name, backend: 'sim', ok: true, file })
    const recording = parseRecording(await readFile(file, 'utf8'), file)
    expect(recording).toMatchObject({
      target: `@hmm-sdk/examples/scenarios#${name}`,
      backend: 'sim',
    })
    expect(recording.calls).toHaveLength(summary.calls)
    const { scenario, devices } = { odp, nouveau }[name as 'odp']
    const options = { devices, name, budget: { schedules: 3 } }
    const replayed = await replayRecording(recording, scenario, options)
    expect(replayed.failure?.message).toBeUndefined()
    expect(replayed.of).toBe(summary.calls)
    expect(replayed.followed).toBeGreaterThan(0)
    expect(await replay(replayed.token, scenario, options)).toBeUndefined()
    const text = await run(name, '--record', file)
    expect(text.out).toContain(`${file}: ${summary.calls} calls of ${name} on backend 'sim'`)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('--record says what it cannot do', async () => {
  expect((await run('--record', 'x')).error).toContain('name one of odp, nouveau')
  expect((await run('odp', '--record', 'x', '--explore', '5')).error).toContain('leave --explore')
  expect((await run('odp', '--record', '/nowhere/x')).error).toContain('ENOENT')
})

test('--explore searches interleavings, and prints one JSON object', async () => {
  const { code, out } = await run('--explore', '30', '--json')
  expect(code, out).toBe(0)
  const [odp, nouveau, ...more] = out.trim().split('\n')
  expect(more).toEqual([])
  expect(JSON.parse(odp!)).toMatchObject({ example: 'odp', ok: true, schedules: 30 })
  expect(JSON.parse(nouveau!)).toMatchObject({ example: 'nouveau', ok: true, schedules: 30 })
  const text = await run('odp', '--explore', '5', '--seed', '7')
  expect(text.out).toMatch(/^odp: 5 schedules with \d+ points in .* ended by budget/)
  expect(text.out).toContain('no findings')
  expect((await run('odp', '--explore', '0')).code).toBe(2)
  expect((await run('odp', '--explore', '9', '--backend', 'kernel')).error).toContain('EOPNOTSUPP')
})
