import { expect, test } from 'vitest'
import { exampleConfig } from '../src/index.js'
import { EXAMPLES } from '../src/run-example.js'
import { runFailing } from '../src/run-failing.js'

// Every pass of every point fails once, and some pairs; the whole is `--fail-every-step --pairs 100000`.
test.each(EXAMPLES)(
  '%s: whatever fails, callers are told, nothing leaks or is lost',
  { timeout: 120_000 },
  async (name) => {
    const { summary, table } = await runFailing(name, { config: exampleConfig(), pairs: 100 })
    expect(summary.findings, table).toEqual([])
    expect(summary).toMatchObject({ example: name, ok: true, pairs: { run: 100 } })
    expect(summary.passes).toBeGreaterThan(name === 'odp' ? 70 : 140)
    expect(summary.runs).toBe(summary.passes + 100)
  },
)
