// All lint checks, each run to its end so that one call reports everything: oxlint (with types), the rules
// for driver files, and the formatting.
import { join } from 'node:path'
import { root, run, runTool } from './lib.mjs'

const checks = [
  () => runTool('oxlint', ['--type-aware', ...process.argv.slice(2)]),
  () => run(process.execPath, [join(root, 'scripts/lint-drivers.mjs')]),
  () => runTool('prettier', ['--check', '--log-level=warn', '.']),
]
let failed = 0
for (const check of checks) if ((await check()).code !== 0) failed++
console.log(failed === 0 ? 'lint: clean' : `lint: ${failed} of ${checks.length} checks failed`)
process.exitCode = failed === 0 ? 0 : 1
