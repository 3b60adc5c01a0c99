import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { format, resolveConfig } from 'prettier'
import { BUGS } from './bugs.js'
import { problemsOf, runBug, type BugResult } from './run-bug.js'
import { catalogueTable, type CatalogueRun } from './table.js'

const USAGE = `usage: npm run catalogue -- [OPTIONS]
  --json               one line of JSON per bug
  --only ID            only this bug (may be repeated)
  --fixed-schedules N  schedules of each fixed variant (default 50000)
  --seed N             of the search (default 1)
  --write              writes catalogue/results.json and docs/catalogue.md (all bugs)
  --table              writes docs/catalogue.md from the committed results, runs nothing`

/** The command line of the catalogue, in the folder of the repository; the exit code. */
export async function main(root: string, args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
      'fixed-schedules': { type: 'string', default: '50000' },
      seed: { type: 'string', default: '1' },
      write: { type: 'boolean', default: false },
      table: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return 0
  }
  if (values.table) {
    await writeTable(root, readRun(root))
    return 0
  }
  const unknown = values.only?.filter((id) => !BUGS.some((bug) => bug.id === id)) ?? []
  if (unknown.length > 0) {
    const known = BUGS.map(({ id }) => id).join(', ')
    console.error(`no bug ${unknown.join(', ')} in the catalogue; there are ${known}`)
    return 2
  }
  if (values.write && values.only !== undefined) {
    console.error('--write needs a run of all bugs: leave --only out')
    return 2
  }
  const fixedSchedules = wholeNumber('--fixed-schedules', values['fixed-schedules'])
  const seed = wholeNumber('--seed', values.seed)
  const results: BugResult[] = []
  let failed = 0
  for (const bug of BUGS) {
    if (values.only !== undefined && !values.only.includes(bug.id)) continue
    const result = await runBug(bug, { fixedSchedules, seed })
    results.push(result)
    const problems = problemsOf(result, fixedSchedules)
    if (problems.length > 0) failed++
    console.log(values.json ? JSON.stringify(result) : describe(result))
    for (const problem of problems) console.error(`  ${bug.id}: ${problem}`)
  }
  if (values.write && failed === 0) {
    const date = new Date().toISOString().slice(0, 10)
    const node = process.versions.node
    const run: CatalogueRun = { date, node, seed, fixedSchedules, results }
    writeFileSync(join(root, 'catalogue/results.json'), `${JSON.stringify(run, undefined, 2)}\n`)
    await writeTable(root, run)
  }
  if (!values.json) console.log(`${results.length - failed} passed, ${failed} failed, 0 skipped`)
  return failed === 0 ? 0 : 1
}

/** The committed run. */
export function readRun(root: string): CatalogueRun {
  return JSON.parse(readFileSync(join(root, 'catalogue/results.json'), 'utf8')) as CatalogueRun
}

/** The source of a bug. */
export function readBug(root: string, id: string): string {
  return readFileSync(join(root, `catalogue/bugs/${id}.ts`), 'utf8')
}

/** The text of `docs/catalogue.md`. */
export async function formattedTable(root: string, run: CatalogueRun): Promise<string> {
  const file = join(root, 'docs/catalogue.md')
  const text = catalogueTable(BUGS, run, (id) => readBug(root, id))
  return format(text, { ...(await resolveConfig(file)), filepath: file })
}

async function writeTable(root: string, run: CatalogueRun): Promise<void> {
  writeFileSync(join(root, 'docs/catalogue.md'), await formattedTable(root, run))
}

function describe(result: BugResult): string {
  const found =
    result.schedules === undefined
      ? `NOT FOUND in ${result.seconds} s`
      : `${result.schedules} schedules, ${result.switches} switches, ${result.seconds} s`
  const all = result.fixedComplete ? ' (all)' : ''
  const fixed = `fixed: ${result.fixedPasses}${all} in ${result.fixedSeconds} s`
  return `${result.id}: ${found}; ${fixed}; ${result.mirror}; ${result.finding}`
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new TypeError(`${option} is a whole number of at least 1, not '${text}'`)
}
