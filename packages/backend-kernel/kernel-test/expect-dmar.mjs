// `node expect-dmar.mjs NAME PROGRAM [ARGUMENTS]`: runs a Node program whose device is meant to hit revoked
// addresses: the IOMMU reports each in the kernel log, which the VM harness would take for a bug otherwise.
import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'

const [name, ...command] = process.argv.slice(2)
mark('begin')
const child = spawn(process.execPath, [...process.execArgv, ...command], { stdio: 'inherit' })
child.on('exit', (code, signal) => {
  mark('end')
  process.exitCode = code ?? 1
  if (signal !== null) console.error(`${command[0]} was ended by ${signal}`)
})

function mark(what) {
  // Only in the VM somebody reads it.
  if (process.env.HMM_SDK_IN_VM === undefined || !existsSync('/dev/kmsg')) return
  writeFileSync('/dev/kmsg', `hmm-sdk: expect-dmar ${what} ${name}\n`)
}
