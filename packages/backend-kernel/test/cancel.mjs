// Run by native.test.ts under sleeping-ioctl: descriptor 19 has an ioctl that sleeps.
import { openSync } from 'node:fs'
import { createRequire } from 'node:module'

const NOTIF_RECV = 0xc0502100
const FIONREAD = 0x541b

const addon = createRequire('/')(process.argv.at(-1))
const results = {}
addon.attach(
  (id, result) => (results[id] = result),
  () => undefined,
)
const memory = addon.allocate(4096)
const { id } = memory
const nothing = openSync('/dev/null')
// More sleepers than the addon has threads: 1..70, of which some wait in its queue.
for (let call = 1; call <= 70; call++) addon.ioctlAsync(call, 19, NOTIF_RECV, id, 0)
await new Promise((resolve) => setTimeout(resolve, 100))
const early = Object.keys(results).length
// One by one: each ends by its own cancel, the others sleep on.
addon.cancel(5)
await until(() => results[5] !== undefined)
await new Promise((resolve) => setTimeout(resolve, 50))
const one = { ...results }
for (let call = 1; call <= 70; call++) addon.cancel(call)
addon.ioctlAsync(100, nothing, FIONREAD, id, 0)
await until(() => Object.keys(results).length === 71)
const all = Object.values(results).filter((result) => result === -4).length
process.stdout.write(
  JSON.stringify({ early, one, all, other: results[100], bytes: memory.buffer.byteLength }),
)

/** However long the machine takes. */
async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
