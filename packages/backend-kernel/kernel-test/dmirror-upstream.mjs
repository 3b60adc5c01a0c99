// The same tests on the kernel's own driver, where the kernel has it (CONFIG_TEST_HMM): what its driver does, ours
// must do. `node dmirror-upstream.mjs [NAME...]`.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dmirrorConfig, dmirrorTests } from '@hmm-sdk/examples'
import { openBackend } from '@hmm-sdk/hmm-api'
import { finish, skip, test } from './check.mjs'
import { UpstreamDriver } from './upstream-driver.mjs'

const NODE = '/dev/hmm_dmirror0'
const missing = load()
const wanted = process.argv.slice(2)
for (const [name, run] of Object.entries(dmirrorTests)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  await test(name, async () => {
    if (missing !== undefined) skip(missing)
    const backend = await openBackend({ backend: 'kernel', config: dmirrorConfig() })
    let outcome
    try {
      outcome = await run(backend, UpstreamDriver.open)
    } finally {
      await backend.close()
    }
    if (outcome.status === 'skipped') skip(outcome.reason)
    for (const note of outcome.notes ?? []) console.log(`# ${name}: ${note}`)
  })
}
finish()

/** Loads the kernel's driver; why it cannot be had, or undefined. */
function load() {
  try {
    if (!existsSync(NODE)) execFileSync('modprobe', ['test_hmm'], { stdio: 'pipe' })
  } catch {
    return 'this kernel has no test_hmm: --kernel debug has'
  }
  return existsSync(NODE) ? undefined : `test_hmm made no ${NODE}`
}
