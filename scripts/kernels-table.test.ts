import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { formatFile, supportMatrix } from './kernels-table.mjs'

const docs = join(import.meta.dirname, '../docs')
const read = (file: string) => readFileSync(join(docs, file), 'utf8')

test('docs/kernels.md is what is made of docs/kernels.json', async () => {
  const made = supportMatrix(JSON.parse(read('kernels.json')))
  expect(read('kernels.md')).toBe(await formatFile(join(docs, 'kernels.md'), made))
})

test('a reason is told once and referred to', () => {
  const missing = { supported: false, reason: 'there is none' }
  const device = { passed: 1, failed: 0, skipped: 2, capabilities: { engine: missing } }
  const examples = { odp: { status: 'passed' }, nouveau: { status: 'skipped', reason: 'why' } }
  const kernel = (name: string) => ({
    name,
    version: name,
    software: device,
    pci: device,
    examples,
  })
  const text = supportMatrix([kernel('1.0'), kernel('2.0')])
  expect(text).toContain('| 1.0 | 1.0 | 1 passed, 0 failed, 2 skipped |')
  expect(text).toContain('| `engine` | no (1) | no (1) |')
  expect(text.match(/^1\. there is none$/gm)).toHaveLength(2)
  expect(text).toContain('| yes | no (1) |')
})
