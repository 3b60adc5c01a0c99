// Opens the backend as nobody, for lifecycle.mjs, and prints what it gets.
import { createBackend } from '@hmm-sdk/backend-kernel'
import { openBackend } from '@hmm-sdk/hmm-api'

const open = () => openBackend({ backend: createBackend, config: false })
// First as root: from then on no file is needed, in a folder that may be root's alone.
await (await open()).close()
process.setgroups([])
process.setgid(65534)
process.setuid(65534)
try {
  await open()
  console.log('opened')
} catch (error) {
  console.log(error.code, error.message)
}
