// The behaviours of the kernel's own test driver, by a driver on the API: `node dmirror.mjs [NAME...]`. On
// device-private memory, and on device-coherent memory where there is some.
import { dmirrorConfig, dmirrorTests, openDmirror } from '@hmm-sdk/examples'
import { openBackend } from '@hmm-sdk/hmm-api'
import { finish, skip, test } from './check.mjs'

/** Tests that have to do with device memory: of the others the kind of it makes no new ones. */
const ABOUT_MEMORY = /^(anon_teardown|double_map|exclusive|hmm_|migrate|snapshot)/u

const wanted = process.argv.slice(2)
for (const kind of await kinds()) {
  for (const [name, run] of Object.entries(dmirrorTests)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    if (kind === 'coherent' && !ABOUT_MEMORY.test(name)) continue
    await test(kind === 'private' ? name : `${name} (${kind})`, () => one(name, kind, run))
  }
}
finish()

async function one(name, kind, run) {
  const backend = await openBackend({ backend: 'kernel', config: dmirrorConfig({}, kind) })
  let outcome
  try {
    outcome = await run(backend)
  } finally {
    await backend.close()
  }
  const { leaks, misuses } = backend.report()
  if (leaks.length > 0 || misuses.length > 0) throw new Error(JSON.stringify({ leaks, misuses }))
  if (outcome.status === 'skipped') skip(outcome.reason)
  for (const note of outcome.notes ?? []) console.log(`# ${name}: ${note}`)
}

/** Without reserved memory there is no device-coherent memory, and a device of that kind has none. */
async function kinds() {
  const backend = await openBackend({ backend: 'kernel', config: dmirrorConfig({}, 'coherent') })
  const device = await openDmirror(backend, 0)
  const { kind } = device.memory
  await device.close()
  await backend.close()
  return kind === 'coherent' ? ['private', 'coherent'] : ['private']
}
