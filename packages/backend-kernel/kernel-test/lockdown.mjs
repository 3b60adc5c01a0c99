// In a kernel that is locked down no real device is handed to user space; the software device is. The last stage:
// a lockdown does not end before the machine does.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { openBackend } from '@hmm-sdk/hmm-api'
import { finish, skip, test } from './check.mjs'

const FILE = '/sys/kernel/security/lockdown'

await test('a locked down kernel refuses the PCI device and says why', async () => {
  if (process.env.HMM_SDK_IN_VM === undefined) skip('only in a VM: it would lock this machine down')
  if (process.env.HMM_SDK_IN_VM === 'debug') skip('the leak check at the end needs debugfs')
  try {
    execFileSync('mount', ['-t', 'securityfs', 'securityfs', '/sys/kernel/security'], {
      stdio: 'pipe',
    })
  } catch {
    // It is mounted, or the kernel has none.
  }
  if (!existsSync(FILE)) skip('this kernel has no lockdown')
  writeFileSync(FILE, 'integrity')
  assert.match(readFileSync(FILE, 'utf8'), /\[integrity\]/)
  const devices = { edu: { kernel: { pci: '1234:11e8' } } }
  const backend = await openBackend({ backend: 'kernel', config: { devices } })
  await assert.rejects(backend.openDevice('edu'), (error) => {
    console.log(`# ${error.code} ${error.message}`)
    return error.code === 'EPERM' && /lock/i.test(error.message)
  })
  await (await backend.openDevice('demo')).close()
  await backend.close()
})
finish()
