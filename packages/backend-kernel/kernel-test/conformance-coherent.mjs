// What concerns device memory in the conformance suite, where that memory is device-coherent: `node
// conformance-coherent.mjs [ADDRESS...]`. Skipped where none is reserved (memmap= on the kernel's command line,
// coherent= of the module).
import { HmmError, openBackend } from '@hmm-sdk/hmm-api'
import { finish, skip, test } from './check.mjs'
import { runSuite } from './suite.mjs'

const demo = { soft: true, memoryPages: 4096, memoryKind: 'coherent' }
const devices = { demo: { kernel: demo } }
const given = process.argv.slice(2)
const only = given.length > 0 ? given : ['capability', 'memory', 'exclusive', 'lifecycle']

const missing = await whyNot()
if (missing === undefined) await runSuite('conformance-coherent', { devices, only })
else {
  await test('device-coherent memory', () => skip(missing))
  finish()
}

async function whyNot() {
  const backend = await openBackend({ backend: 'kernel', config: { devices } })
  try {
    await (await backend.openDevice('demo')).close()
    return undefined
  } catch (error) {
    if (!HmmError.is(error, 'EOPNOTSUPP')) throw error
    return error.message
  } finally {
    await backend.close()
  }
}
