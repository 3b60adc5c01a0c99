// Run in the virtual machine: two maps of the same pages at once, of which one fails in its commit. What the
// other committed must stay mapped, or it must be told.
import assert from 'node:assert/strict'
import { HmmError, openBackend, type DmaAddress } from '@hmm-sdk/hmm-api'
import { createBackend } from '../../src/index.js'

const backend = await openBackend({ backend: createBackend, config: false })
const device = await backend.openDevice('demo')
const space = await backend.createAddressSpace()
const range = await space.mmap({ pages: 4, populate: true })
await space.write(range.start, Uint8Array.of(1, 2, 3))
let events = 0
const mirror = await device.mirror(space, range, { invalidate: () => void (events += 1) })
for (const order of ['failing first', 'failing last', 'aborted']) {
  const controller = new AbortController()
  const failing = (): Promise<unknown> =>
    mirror.map(range, { access: 'write', signal: controller.signal }, () => {
      throw new RangeError('on purpose')
    })
  const good = (): Promise<DmaAddress> =>
    mirror.map(range, { access: 'write' }, (mapping) => mapping.dmaAddress(0))
  events = 0
  const calls = order === 'failing last' ? [good(), failing()] : [failing(), good()]
  if (order === 'aborted') controller.abort()
  const results = await Promise.allSettled(calls)
  const address = results.find(({ status }) => status === 'fulfilled') as
    PromiseFulfilledResult<DmaAddress> | undefined
  assert.ok(address, order)
  const read = await device.engine.read(address.value, 3).catch((error: unknown) => error)
  const told = events > 0
  console.log(`${order}: ${HmmError.is(read) ? read.code : String(read)}, ${events} events`)
  assert.ok(told || !HmmError.is(read), `${order}: unmapped without being told`)
  mirror.unmap(range)
}
await backend.close()
console.log('undo of shared pages: ok')
