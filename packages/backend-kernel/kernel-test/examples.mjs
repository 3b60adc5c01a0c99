// Both example drivers on the kernel backend, by their command, against their golden summaries.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { finish, test } from './check.mjs'

const examples = join(dirname(fileURLToPath(import.meta.url)), '../../examples')

for (const name of ['odp', 'nouveau']) {
  await test(`example ${name} on the kernel matches its golden summary`, async () => {
    const summary = await run(name)
    const golden = JSON.parse(readFileSync(join(examples, `test/golden/${name}.json`), 'utf8'))
    assert.equal(summary.backend, 'kernel')
    assert.equal(summary.ok, true)
    assert.deepEqual(summary.leaks, [])
    assert.equal(summary.verifiedBytes, golden.verifiedBytes)
    console.log(`# ${JSON.stringify(summary)}`)
  })
}
finish()

function run(name) {
  const cli = join(examples, 'dist/cli.js')
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [cli, name, '--backend', 'kernel', '--json'],
      (error, stdout, stderr) => {
        if (error) reject(new Error(`${error.message}\n${stdout}${stderr}`))
        else resolve(JSON.parse(stdout))
      },
    )
  })
}
