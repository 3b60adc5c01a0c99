// Runs vitest on everything that needs no kernel. Its own output is kept; the closing line
// `N passed, N failed, N skipped`, alone on its line, is what other programs read.
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheDir, runTool } from './lib.mjs'
import { closingLine, countTests } from './closing-line.mjs'

const report = join(cacheDir, 'vitest.json')
rmSync(report, { force: true })
const { code } = await runTool('vitest', [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
  ...process.argv.slice(2),
])
const counts = countTests(readReport(), code)
console.log(`\n${closingLine(counts)}`)
process.exitCode = code || (counts.failed > 0 ? 1 : 0)

function readReport() {
  try {
    return JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    return undefined
  }
}
