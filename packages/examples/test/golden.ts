import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Summary } from '../src/index.js'

interface Golden {
  readonly equal: Record<string, unknown>
  readonly atLeast: Record<string, number>
}

/**
 * Compares a summary with the golden one of its example, which holds on every backend. Counts that
 * retries can raise are lower bounds.
 */
export function expectGolden(summary: Summary): void {
  const file = new URL(`golden/${summary.example}.json`, import.meta.url)
  const golden = JSON.parse(readFileSync(file, 'utf8')) as Golden
  const actual: Record<string, unknown> = { ...summary, ...summary.counters }
  expect(summary.error).toBeUndefined()
  expect(actual).toMatchObject(golden.equal)
  for (const [name, least] of Object.entries(golden.atLeast)) {
    expect(actual[name], name).toBeGreaterThanOrEqual(least)
  }
}
