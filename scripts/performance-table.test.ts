import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { formatFile } from './kernels-table.mjs'
import { performanceTable } from './performance-table.mjs'

const docs = join(import.meta.dirname, '../docs')
const read = (file: string) => readFileSync(join(docs, file), 'utf8')

const row = {
  name: 'map-unmap-1',
  value: 71.26,
  unit: 'ns/page',
  reference: 11.5,
  ratio: 6.196,
  bar: 6,
  better: 'lower',
  ok: false,
}

test('docs/performance.md is what is made of docs/performance.json', async () => {
  const made = performanceTable(JSON.parse(read('performance.json')))
  expect(read('performance.md')).toBe(await formatFile(join(docs, 'performance.md'), made))
})

test('a row that misses its bar says so', () => {
  const text = performanceTable({ machine: 'one', rows: [row] })
  expect(text).toContain('71.3 ns/page | 11.5 (the same) | 6.2 | <= 6 | **no** |')
})

test('a row without words is refused', () => {
  const unknown = { ...row, name: 'nobody-knows' }
  expect(() => performanceTable({ machine: 'one', rows: [unknown] })).toThrow('nobody-knows')
})
