// `npm run performance [-- FILE...]`: runs the benchmarks of the simulation and of the kernel backend, keeps the rows in
// docs/performance.json and makes docs/performance.md of them. With files, of lines that `bench --json` printed
// before, perhaps elsewhere. Rows that are not among them stay as they were.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { formatFile } from './kernels-table.mjs'
import { root, run } from './lib.mjs'
import { performanceTable } from './performance-table.mjs'

const json = join(root, 'docs/performance.json')
const markdown = join(root, 'docs/performance.md')

const files = process.argv.slice(2)
// Of before: what else runs here disturbs what is measured, most of all what takes milliseconds.
const load = loadavg()[0].toFixed(1)
const output =
  files.length > 0
    ? files.map((file) => readFileSync(file, 'utf8'))
    : [await bench('--json'), await bench('--json', '--kernel')]
const measured = output
  .flatMap((text) => text.split('\n'))
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
if (measured.length === 0) throw new Error('nothing was measured: nothing written')

const before = existsSync(json) ? JSON.parse(readFileSync(json, 'utf8')).rows : []
const names = new Set(measured.map(({ name }) => name))
const kept = before.filter(({ name }) => !names.has(name))
const [{ model }] = cpus()
const result = {
  machine: `${cpus().length} cores of ${model.trim()}, Node ${process.versions.node}, load ${load}`,
  rows: [...measured, ...kept],
}
writeFileSync(json, await formatFile(json, JSON.stringify(result)))
writeFileSync(markdown, await formatFile(markdown, performanceTable(result)))
console.log('wrote docs/performance.json and docs/performance.md')

/** What it printed; a row that misses its bar is no failure here, it is told. */
async function bench(...options) {
  const program = join(root, 'bench/run.mjs')
  const { output } = await run(process.execPath, [program, ...options], { quiet: true })
  if (!/^\{/m.test(output))
    throw new Error(`bench ${options.join(' ')} measured nothing:\n${output}`)
  return output
}
