// Run in the virtual machine: the whole path once, from a process through the module to the engine.
import assert from 'node:assert/strict'
import { Backend, HmmError, type InvalidateEvent, type TraceEvent } from '@hmm-sdk/hmm-api'
import { createBackend, doctor } from '../../src/index.js'

const report = doctor()
console.log(JSON.stringify(report))
assert.equal(report.ok, true)

const backend = new Backend(await createBackend({}), {
  devices: { edu: { kernel: { pci: '1234:11e8' } }, plain: { kernel: { soft: true } } },
})
const trace: TraceEvent[] = []
backend.trace((event) => trace.push(event))
const space = await backend.createAddressSpace({ name: 'mirrored' })
const device = await backend.openDevice('demo')

const buffer = await space.mmap({ pages: 16, protection: 'rw' })
const bytes = Uint8Array.from({ length: 16 * 4096 }, (_, i) => (i * 31 + (i >> 12)) & 0xff)
await space.write(buffer.start, bytes)

const events: InvalidateEvent[] = []
let released = 0
const mirror = await device.mirror(space, buffer, {
  invalidate: (event) => void events.push(event),
  released: () => void (released += 1),
})
const addresses = await mirror.map(buffer, { access: 'write' }, (mapping) =>
  Array.from({ length: 16 }, (_, i) => {
    assert.equal(mapping.writable(i), true)
    return mapping.dmaAddress(i)
  }),
)
const first = addresses[0] as (typeof addresses)[0]
assert.deepEqual(await device.engine.read(first, bytes.length), bytes)
await device.engine.write(addresses[3] as typeof first, Uint8Array.of(1, 2, 3))
assert.deepEqual(await space.read(buffer.at(3 * 4096), 3), Uint8Array.of(1, 2, 3))
console.log('16 pages mapped, read and written by the engine')

const before = events.length
await space.munmap(buffer.slice(4, 4))
assert.equal(events.length, before + 1)
assert.equal(events[before]?.kind, 'unmap')
assert.deepEqual(events[before]?.range.toString(), buffer.slice(4, 4).toString())
await assert.rejects(device.engine.read(addresses[5] as typeof first, 16), (error) =>
  HmmError.is(error, 'EFAULT'),
)
assert.equal((await device.engine.read(addresses[3] as typeof first, 16)).length, 16)
await assert.rejects(
  mirror.map(buffer, { access: 'read' }, () => 0),
  (error) => {
    console.log((error as Error).message)
    return HmmError.is(error, 'EFAULT') && error.page === 4
  },
)
console.log('munmap: event, then EFAULT from the engine and from map')

const copy = await space.fork({ name: 'child' })
await space.write(buffer.at(0), Uint8Array.of(42))
console.log(
  `fork and write: ${events
    .slice(before + 1)
    .map((event) => event.kind)
    .join(', ')}`,
)
assert.notEqual((await copy.read(buffer.at(0), 1))[0], 42)
await assert.rejects(device.engine.read(first, 1), (error) => HmmError.is(error, 'EFAULT'))

await space.exit(0)
await space.released
assert.equal(released, 1)
assert.equal(events.filter((event) => event.kind === 'release').length, 1)
await assert.rejects(
  mirror.map(buffer, { access: 'read' }, () => 0),
  (error) => HmmError.is(error, 'ESRCH'),
)
console.log('exit: release event once, released once, ESRCH')
console.log(JSON.stringify(backend.counters()))
console.log([...new Set(trace.map((event) => event.type))].join(' '))
await mirror.close()
await device.close()
await copy.close()

const plain = await backend.openDevice('plain')
assert.equal(plain.capabilities.has('memory'), false)
await plain.close()

const edu = await backend.openDevice('edu')
edu.dma.setMask(40)
assert.equal(edu.registers.read32(0, 0) & 0xff, 0xed)
if (edu.capabilities.has('dma.mirror')) {
  const second = await backend.createAddressSpace({ name: 'for-edu' })
  const target = await second.mmap({ pages: 2 })
  await second.write(target.start, Uint8Array.of(9, 8, 7, 6))
  const seen: InvalidateEvent[] = []
  const watch = await edu.mirror(second, target, { invalidate: (event) => void seen.push(event) })
  const [a, b] = await watch.map(target, { access: 'write' }, (mapping) => [
    mapping.dmaAddress(0),
    mapping.dmaAddress(1),
  ])
  await edu.engine.copy(a as typeof first, b as typeof first, 4)
  assert.deepEqual(await second.read(target.at(4096), 4), Uint8Array.of(9, 8, 7, 6))
  console.log(`edu copied 4 bytes at ${a} to ${b}`)
  await second.munmap(target)
  assert.equal(seen.length, 1)
  await assert.rejects(edu.engine.read(a as typeof first, 4), (error) =>
    HmmError.is(error, 'EFAULT'),
  )
  await watch.close()
} else {
  const capability = edu.capabilities.get('dma.mirror')
  console.log(`no mirrors on edu here: ${JSON.stringify(capability)}`)
}
await edu.close()
await backend.close()
console.log(JSON.stringify(backend.report()))
console.log('end to end: ok')
