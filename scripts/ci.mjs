// The stages of .ci/run. `node scripts/ci.mjs [STAGE...]` runs only the named ones.
import { spawn } from 'node:child_process'
import { parseClosingLine, closingLine, stageCounts, sum } from './closing-line.mjs'
import { failures } from './failures.mjs'
import { root } from './lib.mjs'

const stages = {
  // The page of the guide is tested in a browser.
  browser: { command: ['bash', 'scripts/install-chromium.sh'], check: true },
  // What the README tells a user to run.
  test: { command: ['npm', 'test'] },
  // A check is one test: it passes or it fails.
  lint: { command: ['npm', 'run', 'lint'], check: true },
  typecheck: { command: ['npm', 'run', 'typecheck'], check: true },
  // The harness may install the host packages that it needs (QEMU and the like).
  kernel: {
    command: ['npm', 'run', 'test:kernel', '--', '--kernel', 'all', '--install-host-packages'],
  },
  // The simulation against a real kernel, on random programs: always the same ones.
  lockstep: { command: ['npm', 'run', 'lockstep', '--', '--programs', '300', '--seed', '1'] },
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !Object.hasOwn(stages, name))
if (unknown.length > 0) {
  console.error(`no stage ${unknown.join(', ')}; the stages are ${Object.keys(stages).join(', ')}`)
  process.exit(2)
}

const results = []
const failed = []
for (const [name, { command, check = false }] of Object.entries(stages)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n=== ${name}: ${command.join(' ')}`)
  const { code, output } = await runVisibly(command)
  const counts = stageCounts(check ? checkCounts(code) : parseClosingLine(output), code)
  console.log(`=== ${name}: ${closingLine(counts)} (exit code ${code})`)
  results.push(counts)
  failed.push(...failures(output))
}
if (failed.length > 0) console.log(`\n=== what failed\n${failed.join('\n')}`)
const total = sum(results)
console.log(`\n${closingLine(total)}`)
process.exitCode = total.failed > 0 ? 1 : 0

function checkCounts(code) {
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
}

/** Runs a stage with its output shown as it comes, and kept for its closing line. */
function runVisibly([command, ...args]) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk)
      output += chunk
    })
    child.on('error', (error) => resolve({ code: 1, output: String(error) }))
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}
