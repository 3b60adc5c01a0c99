// What a driver cannot provoke, and the module must survive: its PCI device is unbound while it is open, a mirrored
// process is killed for lack of memory, there is no memory for a huge page that moves.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { openBackend } from '@hmm-sdk/hmm-api'
import { rawOf } from '@hmm-sdk/hmm-api/raw'
import { finish, skip, test } from './check.mjs'
import { counted, failStep, startCounting, stopCounting, whyNoSteps } from './module-steps.mjs'
import { pciDevices } from './peer-device.mjs'
import { slowness } from './slowness.mjs'

const DRIVER = '/sys/bus/pci/drivers/hmm_sdk'
const CGROUPS = '/sys/fs/cgroup'
const open = () =>
  openBackend({
    backend: 'kernel',
    config: { devices: { edu: { kernel: { pci: '1234:11e8' } } } },
  })

await test('unbind waits until the driver closes the device, which works until then', async () => {
  const [address] = pciDevices('1234:11e8')
  if (address === undefined || !existsSync(`${DRIVER}/${address}`)) {
    skip('no edu device is bound to the module')
  }
  const backend = await open()
  const device = await backend.openDevice('edu')
  const unbind = spawn('sh', ['-c', `echo ${address} > ${DRIVER}/unbind`], { stdio: 'inherit' })
  await until('the unbind waits', () => stackOf(unbind.pid).includes('hs_pci_remove'))
  assert.equal(device.registers.read32(0) & 0xff, 0xed, 'the device answers')
  await assert.rejects(backend.openDevice('edu'), 'a device that goes is not opened again')
  await device.close()
  assert.equal(await ended(unbind), 0)
  writeFileSync(`${DRIVER}/bind`, address)
  const again = await backend.openDevice('edu')
  assert.equal(again.registers.read32(0) & 0xff, 0xed, 'the device answers after bind')
  await again.close()
  await backend.close()
})

await test('a process that is killed for lack of memory is released, its mappings are revoked', async () => {
  const controllers = `${CGROUPS}/cgroup.controllers`
  if (!existsSync(controllers) || !readFileSync(controllers, 'utf8').includes('memory')) {
    skip('no memory controller in the cgroups')
  }
  writeFileSync(`${CGROUPS}/cgroup.subtree_control`, '+memory')
  const group = `${CGROUPS}/hmm-sdk-oom`
  mkdirSync(group, { recursive: true })
  writeFileSync(`${group}/memory.max`, String(32 * 2 ** 20))
  const swap = `${group}/memory.swap.max`
  if (existsSync(swap)) writeFileSync(swap, '0')

  const backend = await open()
  const space = await backend.createAddressSpace()
  const device = await backend.openDevice('demo')
  const range = await space.mmap({ pages: 512 })
  let dropped = 0
  const mirror = await device.mirror(space, range, { invalidate: () => void (dropped += 1) })
  const dma = await mirror.map(range, { access: 'write' }, (mapping) => mapping.dmaAddress(0))
  writeFileSync(`${group}/cgroup.procs`, String(rawOf(space).pid))
  await assert.rejects(
    space.mmap({ pages: 32_768, populate: true }),
    'more than the group may have',
  )
  await space.released
  await assert.rejects(device.engine.read(dma, 1), { code: 'EFAULT' })
  assert.ok(dropped > 0, 'the driver was told')
  assert.match(readFileSync(`${group}/memory.events`, 'utf8'), /oom_kill [1-9]/)
  await mirror.close()
  await device.close()
  await space.close()
  await backend.close()
  await until('the group is empty', () => readFileSync(`${group}/cgroup.procs`, 'utf8') === '')
  rmdirSync(group)
})
for (const way of ['there', 'there, of a hole', 'back', 'back, by a touch', 'back, by eviction']) {
  await test(`no memory for a huge page on its way ${way}`, () =>
    withHugePage(way, moveWithoutBlock))
}

await test('a huge page without memory for a huge page, and with too few pages', () =>
  withHugePage('there', async ({ space, device, mirror, range }) => {
    const { memory } = device
    const room = 100
    const filler = await space.mmap({ pages: memory.freePages - room })
    const other = await device.mirror(space, filler, { invalidate: () => {} })
    await memory.migrate(other, filler, { to: 'device', order: 0 })
    const result = await memory.migrate(mirror, range, { to: 'device' })
    assert.deepEqual([result.migrated, result.count('no-memory')], [room, range.pages - room])
    assert.deepEqual(await ends(space, range), [1, 2])
    await other.close()
    await space.munmap(filler)
  }))
finish()

/** A process with a huge page whose first and last byte are 1 and 2. */
async function withHugePage(way, work) {
  const backend = await open()
  const space = await backend.createAddressSpace()
  const device = await backend.openDevice('demo')
  try {
    if (!device.capabilities.has('memory.huge')) skip('no huge device pages')
    const noSteps = whyNoSteps()
    if (noSteps !== undefined) skip(noSteps)
    const area = await space.mmap({ pages: 1024 })
    const range = area.slice((512 - (area.startPage % 512)) % 512, 512)
    await space.madvise(range, 'hugepage')
    if (way !== 'there, of a hole') {
      await space.write(range.start, Uint8Array.of(1))
      await space.write(range.page(511).start, Uint8Array.of(2))
    }
    const mirror = await device.mirror(space, range, { invalidate: () => {} })
    await work({ way, space, device, mirror, range })
    await mirror.close()
    await space.munmap(area)
    assert.equal(device.memory.freePages, device.memory.pages, 'no device page is left')
  } finally {
    stopCounting()
    await device.close()
    await space.close()
    await backend.close()
  }
}

/** What was to move whole goes page by page; on the way back the block takes what stood behind it. */
async function moveWithoutBlock({ way, space, device, mirror, range }) {
  const { memory } = device
  const order = () => mirror.faultAndCommit(range, { request: 'none' }, (pages) => pages.order(0))
  const isThere = way.startsWith('there')
  if (!isThere) {
    await memory.migrate(mirror, range, { to: 'device' })
    assert.equal(await order(), 9, 'it went whole')
  }
  startCounting()
  failStep('block', 1)
  if (isThere) {
    const result = await memory.migrate(mirror, range, { to: 'device' })
    assert.equal(result.migrated, range.pages, 'all pages moved')
    assert.equal(await order(), 0)
  } else if (way === 'back') {
    assert.equal((await memory.migrate(mirror, range, { to: 'system' })).migrated, range.pages)
  } else if (way === 'back, by a touch') await space.read(range.page(5).start, 1)
  else assert.equal(await memory.evict(), range.pages)
  assert.equal(counted('failed').block, 1, 'there was no memory for the block')
  if (!isThere) assert.equal(await order(), 9, 'it came back whole')
  assert.deepEqual(await ends(space, range), way === 'there, of a hole' ? [0, 0] : [1, 2])
}

async function ends(space, range) {
  const first = await space.read(range.start, 1)
  const last = await space.read(range.page(range.pages - 1).start, 1)
  return [first[0], last[0]]
}

function stackOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/stack`, 'utf8')
  } catch {
    return ''
  }
}

function ended(child) {
  if (child.exitCode !== null) return child.exitCode
  return new Promise((resolve) => child.once('exit', resolve))
}

async function until(what, condition) {
  const end = performance.now() + 20_000 * slowness
  while (!condition()) {
    assert.ok(performance.now() < end, `${what}, within ${20 * slowness} s`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
