// `pnpm bench [--json] [--kernel] [NAME...]`: runs bench/*.bench.mjs, or those whose name contains one of the given
// words, and prints a table or one JSON line per row. Each file default-exports a function that is given
// `{ time }` and returns measurements (see row.mjs). Fails if a row misses its bar. `--kernel`: the rows of
// bench/kernel.mjs instead, on a real kernel.
import { readdirSync } from 'node:fs'
import { reachKernel } from './kernel-run.mjs'
import { row } from './row.mjs'
import { time } from './time.mjs'

const KNOWN = ['--json', '--kernel']
const options = process.argv.slice(2)
const json = options.includes('--json')
const words = options.filter((word) => !word.startsWith('--'))
const unknown = options.filter((word) => word.startsWith('--') && !KNOWN.includes(word))
if (unknown.length > 0)
  fail(`unknown option ${unknown[0]}; usage: bench [--json] [--kernel] [NAME...]`)

const onKernel = options.includes('--kernel')
if (onKernel) {
  const { here, code } = await reachKernel(options)
  if (!here) process.exit(code)
}
const files = readdirSync(new URL('.', import.meta.url))
  .filter((file) => (onKernel ? file === 'kernel.mjs' : file.endsWith('.bench.mjs')))
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .sort()
if (files.length === 0) fail(`no benchmark is named ${words.join(' or ')}`)

const rows = []
for (const file of files) {
  const { default: measure } = await import(new URL(file, import.meta.url).href)
  for (const measurement of await measure({ time })) {
    const result = row(measurement)
    rows.push(result)
    if (json) console.log(JSON.stringify(result))
  }
}
if (!json) printTable()
process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1

function printTable() {
  const number = (value) => (value === null ? '' : String(Number(value.toPrecision(3))))
  const bar = ({ bar, better }) =>
    bar === null ? '' : `${better === 'lower' ? '<=' : '>='} ${bar}`
  const table = [
    ['name', 'value', 'unit', 'reference', 'ratio', 'bar', 'ok'],
    ...rows.map((row) => [
      row.name,
      number(row.value),
      row.unit,
      number(row.reference),
      number(row.ratio),
      bar(row),
      row.ok ? 'yes' : 'NO',
    ]),
  ]
  const widths = table[0].map((_, column) =>
    Math.max(...table.map((cells) => cells[column].length)),
  )
  const numeric = new Set([1, 3, 4])
  for (const cells of table) {
    const padded = cells.map((cell, column) =>
      numeric.has(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
    )
    console.log(padded.join('  ').trimEnd())
  }
}

function fail(message) {
  console.error(message)
  process.exit(2)
}
