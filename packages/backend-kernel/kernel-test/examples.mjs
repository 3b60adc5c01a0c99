// Both example drivers on the kernel backend, by their command, against their golden summaries.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exampleConfig } from '@hmm-sdk/examples'
import { HmmError, openBackend } from '@hmm-sdk/hmm-api'
import { finish, skip, test } from './check.mjs'
import { saveResult } from './suite.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const examples = join(here, '../../examples')

/** The device of each example, and what it cannot do without. */
const stories = {
  odp: { device: 'adapter', needs: ['dma.mirror', 'engine'] },
  nouveau: { device: 'gpu', needs: ['dma.mirror', 'engine', 'memory'] },
}

const results = {}
for (const [name, { device, needs }] of Object.entries(stories)) {
  results[name] = { status: 'failed' }
  await test(`example ${name} on the kernel matches its golden summary`, async () => {
    const missing = await findMissing(device, needs)
    if (missing !== undefined) {
      results[name] = { status: 'skipped', reason: missing }
      skip(missing)
    }
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
    results[name] = { status: 'passed' }
  })
}
saveResult('examples', results)
finish()

/** The first capability of `needs` that the device does not have here, with the reason. */
async function findMissing(name, needs) {
  const backend = await openBackend({ backend: 'kernel', config: exampleConfig() })
  try {
    const { capabilities } = await backend.openDevice(name)
    for (const need of needs) {
      const capability = capabilities.get(need)
      if (!capability.supported) return `${need}: ${capability.reason}`
    }
    return undefined
  } catch (error) {
    // A device that is asked for memory does not open where there is none.
    if (HmmError.is(error, 'EOPNOTSUPP')) return error.details.message ?? error.message
    throw error
  } finally {
    await backend.close()
  }
}

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
