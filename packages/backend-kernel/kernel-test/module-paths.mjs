// What a driver cannot provoke, and the module must survive: its PCI device is unbound while it is open, a mirrored
// process is killed for lack of memory.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { openBackend } from '@hmm-sdk/hmm-api'
import { rawOf } from '@hmm-sdk/hmm-api/raw'
import { finish, skip, test } from './check.mjs'
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
finish()

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
