// A driver in full swing on the kernel backend, for lifecycle.mjs: prints a line when it runs, goes on until
// its standard input ends, then closes everything.
import { openBackend } from '@hmm-sdk/hmm-api'

const backend = await openBackend({ backend: 'kernel', config: false })
const space = await backend.createAddressSpace()
const device = await backend.openDevice('demo')
const buffer = await space.mmap({ pages: 64 })
const mirror = await device.mirror(space, buffer, { invalidate: () => undefined })
const child = await space.fork()
// One that is killed and kept from its end: nobody but the kernel may have to let it go.
const reaped = await backend.createAddressSpace()
if (reaped.capabilities.has('space.oom-reap')) await reaped.oomReap()

let finish = false
process.stdin.on('data', () => (finish = true)).on('end', () => (finish = true))
for (let round = 0; !finish; round++) {
  const first = await mirror.map(buffer, { access: 'write' }, (mapping) => mapping.dmaAddress(0))
  await device.engine.write(first, new Uint8Array(4096).fill(round)).catch(() => undefined)
  await space.madvise(buffer.slice(8, 8), 'dontneed')
  if (device.capabilities.has('memory')) {
    const to = round % 2 === 0 ? 'device' : 'system'
    await device.memory.migrate(mirror, buffer.slice(16, 16), { to })
  }
  if (round === 2) console.log('running')
}
process.stdin.destroy()
await reaped.close()
await child.close()
await mirror.close()
await device.close()
await space.close()
await backend.close()
