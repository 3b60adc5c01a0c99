// Run by native.test.ts as a process of its own: a call that sleeps in the kernel is cancelled.
// The call is TCSBRK(1) (tcdrain) on a pty whose output nobody takes.
import { constants, openSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'

const TIOCGPTN = 0x80045430
const TIOCSPTLCK = 0x40045431
const TCSBRK = 0x5409
const FIONREAD = 0x541b

const addon = createRequire('/')(process.argv.at(-1))
const results = new Map()
addon.attach((id, result) => results.set(id, result), () => undefined)
const { id, buffer } = addon.allocate(4096)
const words = new Int32Array(buffer)
const master = openSync('/dev/ptmx', constants.O_RDWR | constants.O_NOCTTY)
words[0] = 0
addon.ioctl(master, TIOCSPTLCK, id, 0)
addon.ioctl(master, TIOCGPTN, id, 0)
const slave = openSync(`/dev/pts/${words[0]}`, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK)
try {
  for (;;) writeSync(slave, Buffer.alloc(4096, 120))
} catch (error) {
  if (error.code !== 'EAGAIN') throw error
}
addon.ioctlAsync(1, slave, TCSBRK, id, 0)
addon.ioctlAsync(2, master, FIONREAD, id, 64)
setTimeout(() => {
  if (results.has(1)) throw new Error(`TCSBRK did not sleep: ${results.get(1)}`)
  addon.cancel(1)
}, 50)
const timer = setInterval(() => {
  if (!results.has(1)) return
  clearInterval(timer)
  process.stdout.write(JSON.stringify({ cancelled: results.get(1), other: results.get(2) }))
}, 5)
