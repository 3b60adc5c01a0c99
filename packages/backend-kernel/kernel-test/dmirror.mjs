// The behaviours of the kernel's own test driver, by a driver on the API: `node dmirror.mjs [NAME...]`.
import { dmirrorConfig, dmirrorTests } from '@hmm-sdk/examples'
import { openBackend } from '@hmm-sdk/hmm-api'
import { finish, skip, test } from './check.mjs'

const wanted = process.argv.slice(2)
for (const [name, run] of Object.entries(dmirrorTests)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  await test(name, async () => {
    const backend = await openBackend({ backend: 'kernel', config: dmirrorConfig() })
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
  })
}
finish()
