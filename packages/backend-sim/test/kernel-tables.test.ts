import { readFileSync } from 'node:fs'
import { conformanceCases } from '@hmm-sdk/hmm-api/conformance'
import { format } from 'prettier'
import { expect, test } from 'vitest'
import { describeTables, EVENT_SOURCES, FAULT_RESULTS } from './kernel-tables.js'

const lines = [...EVENT_SOURCES, ...FAULT_RESULTS]

test('each case of the tables is one of the suite', () => {
  const known = new Set(conformanceCases.map(({ address }) => address))
  const named = lines.flatMap(({ cases = [] }) => cases)
  expect(named.filter((address) => !known.has(address))).toEqual([])
})

test('each test of the tables exists', () => {
  const missing = lines
    .flatMap(({ tests = [] }) => tests)
    .filter(([file, name]) => !readFileSync(new URL(file, import.meta.url), 'utf8').includes(name))
  expect(missing).toEqual([])
})

test('each line is tested, or says why not', () => {
  const bare = lines.filter(
    ({ cases, tests, none }) => cases === undefined && tests === undefined && none === undefined,
  )
  expect(bare).toEqual([])
})

test('docs/memory-model.md is what the tables say; `vitest -u` writes it', async () => {
  const text = await format(describeTables(), { parser: 'markdown', printWidth: 100 })
  await expect(text).toMatchFileSnapshot('../../../docs/memory-model.md')
})
