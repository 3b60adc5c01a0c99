import { openBackend } from '@hmm-sdk/hmm-api'
import {
  conformance,
  conformanceCases,
  conformanceModules,
  formatSummary,
  runConformance,
  type RunnerContext,
} from '@hmm-sdk/hmm-api/conformance'
import { describe, expect, it } from 'vitest'
import { fakeBackend } from './fake-backend.js'

const open = async () => openBackend({ backend: fakeBackend().raw, config: false })

describe('the cases', () => {
  it('are many, and have addresses of their own', () => {
    const addresses = conformanceCases.map(({ address }) => address)
    expect(new Set(addresses).size).toBe(addresses.length)
    expect(addresses.length).toBeGreaterThanOrEqual(300)
  })

  it('lie below the address of their group', () => {
    for (const { group } of conformanceModules) {
      for (const { address } of group.cases) expect(address).toMatch(`${group.address}/`)
    }
  })

  it('are addressed by words that can be typed', () => {
    for (const { address } of conformanceCases) expect(address).toMatch(/^[a-zA-Z0-9./-]+$/)
  })

  it.each(conformanceModules.map(({ group, description }) => [group.address, description]))(
    '%s has a plan in prose',
    (_address, description) => {
      expect(description.trim().length).toBeGreaterThan(80)
      expect(description).not.toMatch(/todo/i)
    },
  )
})

describe('runConformance', () => {
  it('runs what is selected, by case and by group', async () => {
    const one = await runConformance({ open, only: 'time/wait/mutex-in-order' })
    expect(one.results.map(({ address, status }) => [address, status])).toEqual([
      ['time/wait/mutex-in-order', 'passed'],
    ])
    const group = await runConformance({ open, only: ['input/range'] })
    expect(group.results.every(({ address }) => address.startsWith('input/range/'))).toBe(true)
  })

  it('refuses an address that does not exist', async () => {
    await expect(runConformance({ open, only: 'time/wai' })).rejects.toThrow(TypeError)
  })

  it('prints a line for each case and the totals last', async () => {
    const lines: string[] = []
    const only = ['capability/error-identity', 'capability/without-space.fork']
    await runConformance({ open, only, print: (line) => lines.push(line) })
    expect(lines[0]).toMatch(/^skip {2}capability\/without-space.fork: !space.fork$/)
    expect(lines[1]).toMatch(/^ok {4}capability\/error-identity \(\d+ ms\)$/)
    expect(lines[2]).toMatch(/^skipped 1 for !space.fork: .*supported here\n1 passed, 0 failed, 1/)
  })

  it('prints why a case failed', async () => {
    const lines: string[] = []
    const only = 'input/access/fetch-add'
    const report = await runConformance({ open, only, print: (line) => lines.push(line) })
    expect(report.skipped).toBe(1)
    await runConformance({ open, only: 'input/access/read-write', print: (l) => lines.push(l) })
    expect(lines.join('\n')).toMatch(/FAIL {2}input\/access\/read-write .*\n +the result is \[0,/)
  })

  it('names a case that hangs, and goes on with the next', async () => {
    const only = ['events/release/exit', 'time/wait/mutex-in-order']
    const report = await runConformance({ open, only })
    const hang = report.results.find(({ address }) => address === 'events/release/exit')
    expect(String(hang?.error)).toMatch(/hangs/)
    expect(report.passed).toBe(1)
  })

  it('opens one backend for all cases when told so', async () => {
    let opened = 0
    const counted = () => (opened++, open())
    const only = ['capability/reasons-are-given', 'capability/error-identity']
    await runConformance({ open: counted, isolation: 'space', only })
    expect(opened).toBe(1)
    await runConformance({ open: counted, only })
    expect(opened).toBe(3)
  })

  it('reports a backend that cannot be opened as a failure of each case', async () => {
    const report = await runConformance({
      open: () => Promise.reject(new Error('no module')),
      only: 'capability/error-identity',
    })
    expect(report.ok).toBe(false)
    expect(formatSummary(report)).toBe('0 passed, 1 failed, 0 skipped')
  })

  it('reports what a shared backend leaked', async () => {
    const leaky = () => fakeBackend({ close: async () => [{ kind: 'iova', name: '7' }] }).raw
    const report = await runConformance({
      open: () => openBackend({ backend: leaky(), config: false }),
      isolation: 'space',
      only: 'capability/error-identity',
    })
    expect([report.passed, report.ok]).toEqual([1, false])
    expect(formatSummary(report)).toMatch(/^FAIL {2}leaked: iova '7'\n1 passed/)
  })
})

describe('conformance', () => {
  it('declares groups and cases to a runner, and skips through its context', async () => {
    const groups: string[] = []
    const cases = new Map<string, (context: RunnerContext) => Promise<void>>()
    conformance({
      open,
      only: 'capability',
      describe: (name, body) => (groups.push(name), body()),
      it: (name, body) => cases.set(name, body),
    })
    expect(groups).toEqual(['capability'])
    const skips: (string | undefined)[] = []
    const context = { skip: (reason?: string) => skips.push(reason) }
    await cases.get('without-space.fork')?.(context)
    await cases.get('error-identity')?.(context)
    expect(skips).toEqual([expect.stringMatching(/^!space.fork: /)])
  })

  it('needs afterAll to share a backend', () => {
    const runner = { describe: () => undefined, it: () => undefined }
    expect(() => conformance({ open, isolation: 'space', ...runner })).toThrow(TypeError)
  })
})
