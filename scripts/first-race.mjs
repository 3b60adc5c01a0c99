// How long a stranger takes from nothing to a race that is found and shrunk: packs the packages, installs
// them in a new project, and follows docs/guide/first-race.md until the first run that fails as it should.
// `--json` prints one line.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { docBlocks } from './doc-blocks.mjs'
import { root, run } from './lib.mjs'
import { pack } from './pack.mjs'

const json = process.argv.includes('--json')
const say = (text) => json || console.log(text)
const folder = mkdtempSync(join(tmpdir(), 'hmm-first-race-'))
try {
  const seconds = {}
  const tarballs = await timed('pack', () => pack(folder, ['hmm-api', 'backend-sim']))
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  await timed('install', () =>
    succeed('npm', ['install', '--no-audit', '--no-fund', ...Object.values(tarballs)]),
  )
  const output = await timed('race', follow)
  const total = seconds.install + seconds.race
  const found = /^replay: hmm1\./m.test(output)
  if (json) console.log(JSON.stringify({ found, seconds: round(total), parts: seconds }))
  else {
    console.log(`\n${output.trim()}\n`)
    console.log(
      `${total.toFixed(1)} s from an empty folder to the race above (and ${seconds.pack.toFixed(1)} s to pack)`,
    )
  }
  if (!found || total >= 60) process.exitCode = 1

  /** Runs a part, and keeps its seconds. */
  async function timed(name, work) {
    const start = performance.now()
    const result = await work()
    seconds[name] = round((performance.now() - start) / 1000)
    say(`${name}: ${seconds[name].toFixed(1)} s`)
    return result
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Does what the guide says up to the first output of a failure, and returns that output. */
async function follow() {
  const guide = readFileSync(join(root, 'docs/guide/first-race.md'), 'utf8')
  for (const { file, code, output, exit } of docBlocks(guide)) {
    if (file !== undefined) writeFileSync(join(folder, file), code)
    if (output === undefined) continue
    const result = await run(process.execPath, [output], { cwd: folder, quiet: true })
    if (result.code !== exit) throw new Error(`node ${output} ended with ${result.code}`)
    if (exit !== 0) return result.output
  }
  throw new Error('the guide shows no failure')
}

async function succeed(command, args) {
  const { code, output } = await run(command, args, { cwd: folder, quiet: true })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${output}`)
}

function round(seconds) {
  return Math.round(seconds * 10) / 10
}
