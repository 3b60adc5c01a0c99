// Both example drivers on the kernel backend, by their command, against their golden summaries.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { finish, test } from './check.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const examples = join(here, '../../examples')

for (const name of ['odp', 'nouveau']) {
  await test(`example ${name} on the kernel matches its golden summary`, async () => {
    const summary = await run(name)
    const golden = JSON.parse(readFileSync(join(examples, `test/golden/${name}.json`), 'utf8'))
    console.log(`# ${JSON.stringify(summary)}`)
    const fields = { ...summary, ...summary.counters }
    assert.equal(summary.backend, 'kernel')
    for (const [field, value] of Object.entries(golden.equal)) {
      assert.deepEqual(fields[field], value, field)
    }
    for (const [field, least] of Object.entries(golden.atLeast)) {
      assert.ok(fields[field] >= least, `${field}: ${fields[field]}, expected ${least} or more`)
    }
  })
}
finish()

function run(name) {
  // The transfers of odp run while the process takes pages away: its DMA faults are the story.
  const wrapper = name === 'odp' ? [join(here, 'expect-dmar.mjs'), name] : []
  const command = [...wrapper, join(examples, 'dist/cli.js'), name, '--backend', 'kernel', '--json']
  return new Promise((resolve, reject) => {
    execFile(process.execPath, command, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stdout}${stderr}`))
      else resolve(JSON.parse(stdout))
    })
  })
}
