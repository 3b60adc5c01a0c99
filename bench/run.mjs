// `pnpm bench [--json] [--kernel] [NAME...]`: measures the rows of bench/*.bench.mjs, or those whose name or file
// contains one of the given words, and prints a table or one JSON line per row. Each file default-exports a
// function that is given `{ time }` and returns measurements (see row.mjs); it has a process of its own, so
// that its rows are the same whatever else is measured. Fails if a row misses its bar. `--kernel`: the rows
// of bench/kernel.mjs instead, on a real kernel.
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { run } from '../scripts/lib.mjs'
import { reachKernel } from './kernel-run.mjs'
import { printTable } from './print-table.mjs'
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
const all = readdirSync(new URL('.', import.meta.url))
  .filter((file) => (onKernel ? file === 'kernel.mjs' : file.endsWith('.bench.mjs')))
  .sort()
const named = all.filter((file) => words.some((word) => file.includes(word)))
// A word may also be the name of a row: then its file is the one whose name it begins with.
const files =
  words.length === 0
    ? all
    : named.length > 0
      ? named
      : all.filter((file) =>
          words.some((word) => word.startsWith(file.replace(/(\.bench)?\.mjs$/, ''))),
        )
if (files.length === 0) fail(`no benchmark is named ${words.join(' or ')}`)

const rows = []
for (const file of files) {
  for (const result of files.length === 1 ? await measured(file) : await measuredApart(file)) {
    rows.push(result)
    if (json) console.log(JSON.stringify(result))
  }
}
if (!json) printTable(rows)
process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1

async function measured(file) {
  const { default: measure } = await import(new URL(file, import.meta.url).href)
  return (await measure({ time })).map(row)
}

async function measuredApart(file) {
  const self = fileURLToPath(import.meta.url)
  const { output } = await run(process.execPath, [self, '--json', file], { quiet: true })
  const lines = output.split('\n').filter((line) => line.startsWith('{'))
  if (lines.length === 0) fail(`${file} measured nothing:\n${output}`)
  return lines.map((line) => JSON.parse(line))
}

function fail(message) {
  console.error(message)
  process.exit(2)
}
