// What stands between a device and memory, as a driver meets it: the DMA part of the conformance suite on
// QEMU's edu, once for each type of its IOMMU group. In a kernel booted with swiotlb=force the bounce buffers
// stand there, too; with a second edu, below a switch, the ways to the memory of a peer. Run by expect-dmar.mjs:
// what the device must not reach, the IOMMU refuses in the log.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBackend } from '@hmm-sdk/hmm-api'
import { runConformance } from '@hmm-sdk/hmm-api/conformance'
import { PEER, pciDevices } from './peer-device.mjs'
import { saveResult } from './suite.mjs'
import { slowness } from './slowness.mjs'

const UNTRUSTED = '/sys/module/hmm_sdk/parameters/untrusted_devices'

/** `type` is that of the group; `translating`, `bounce` and `lazy` what the device must then say of itself. */
const SHAPES = {
  direct: { type: 'identity', translating: false },
  // Its cases run in the stage conformance-edu.
  iommu: { type: 'DMA', translating: true, cases: [] },
  'iommu-lazy': { type: 'DMA-FQ', translating: true, lazy: true },
}
const BOUNCING = {
  swiotlb: { type: 'identity', translating: false, bounce: true },
  unaligned: { type: 'DMA', translating: true, bounce: true, untrusted: true },
}

/** Of the devices on the root bus, or of those below the switch. */
const PEERS = {
  'peer-host-bridge': { type: 'DMA', translating: true, route: 'host-bridge' },
  'peer-direct': { type: 'identity', translating: false, route: 'host-bridge' },
  'peer-bus-address': { place: 1, type: 'identity', translating: false, route: 'bus-address' },
}

const CASES = [
  'dma/streaming',
  'dma/list',
  'dma/attributes',
  'dma/bounce',
  'dma/lazy',
  'dma/mirror-refused',
]

const booted = readFileSync('/proc/cmdline', 'utf8').split(/\s/u)
const bouncing = booted.includes('swiotlb=force')
/** Interrupts are lines then, no messages. */
const lines = booted.includes('pci=nomsi')
const edus = pciDevices('1234:11e8')
const peers = pciDevices(PEER.kernel.pci)
if (edus.length === 0) throw new Error('there is no edu device (1234:11e8)')
const shapes = bouncing ? BOUNCING : edus.length > 1 ? PEERS : SHAPES
const total = { passed: 0, failed: 0, skipped: 0 }
for (const [name, shape] of Object.entries(shapes)) {
  become(shape)
  const report = await runShape(name, shape)
  for (const key of Object.keys(total)) total[key] += report[key]
  const wrong = await differences(shape)
  total[wrong.length === 0 ? 'passed' : 'failed'] += 1
  console.log(
    `${wrong.length === 0 ? 'ok' : 'not ok'} ${name}: ${wrong.join('; ') || 'is what it is'}`,
  )
  saveResult(`dma-shape-${name}`, {
    passed: report.passed,
    failed: report.failed + Number(wrong.length > 0),
    skipped: report.skipped,
  })
}
become({ type: 'DMA' })
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exitCode = total.failed > 0 ? 1 : 0

async function runShape(name, shape) {
  const cases = shape.cases ?? (shape.route ? ['dma/peer'] : CASES)
  if (cases.length === 0) return { passed: 0, failed: 0, skipped: 0 }
  return runConformance({
    open: () => open(shape),
    isolation: 'space',
    limitMs: 30_000 * slowness,
    only: cases,
    print: (line) => {
      if (!/^\d+ passed/mu.test(line)) console.log(`${name}: ${line}`)
    },
  })
}

function open({ place = 0 }) {
  const demo = { kernel: { pci: edus[place] } }
  const peer = { kernel: { pci: peers[place] ?? PEER.kernel.pci } }
  return openBackend({ backend: 'kernel', config: { devices: { demo, peer } } })
}

/** The type of a group changes only while no driver has a device of it. */
function become({ type, untrusted = false, place = 0 }) {
  const driver = '/sys/bus/pci/drivers/hmm_sdk'
  const bound = [edus[place], peers[place]].filter(
    (address) => address !== undefined && existsSync(join(driver, address)),
  )
  for (const address of bound) writeFileSync(join(driver, 'unbind'), address)
  writeFileSync(`/sys/bus/pci/devices/${edus[place]}/iommu_group/type`, type)
  writeFileSync(UNTRUSTED, untrusted ? 'Y' : 'N')
  for (const address of bound) writeFileSync(join(driver, 'bind'), address)
}

/** What the device says that it should not, given its shape. */
async function differences(shape) {
  const { translating, bounce = false, lazy = false, route } = shape
  const backend = await open(shape)
  const device = await backend.openDevice('demo')
  const { limits } = device.dma
  const said = {
    translating: limits.translating,
    bounce: device.capabilities.has('dma.bounce'),
    lazy: limits.flush === 'lazy',
  }
  const mirror = device.capabilities.get('dma.mirror')
  const interrupts = interruptsOfDriver()
  const way = route === undefined ? undefined : await routeToPeer(backend, device)
  await device.close()
  await backend.close()
  const wrong = Object.entries({ translating, bounce, lazy })
    .filter(([key, value]) => said[key] !== value)
    .map(([key, value]) => `${key} is ${said[key]}, not ${value}`)
  if (mirror.supported && (!translating || bounce)) wrong.push('mirrored memory is not refused')
  if (!interrupts.every((line) => /IO-APIC/u.test(line) === lines) || interrupts.length === 0) {
    wrong.push(`the interrupts are not ${lines ? 'lines' : 'messages'}: ${interrupts.join('; ')}`)
  }
  if (way !== route) wrong.push(`the peer is reached by ${way}, not ${route}`)
  if (!mirror.supported) console.log(`mirrored memory is refused: ${mirror.reason}`)
  return wrong
}

async function routeToPeer(backend, device) {
  const peer = await backend.openDevice('peer')
  const { kind } = device.dma.peerRoute(peer.peerMemory(peer.capabilities.require('dma.peer').bar))
  await peer.close()
  return kind
}

/** Of what is open now. */
function interruptsOfDriver() {
  const all = readFileSync('/proc/interrupts', 'utf8').split('\n')
  return all.filter((line) => /\bhmm_sdk\b/u.test(line)).map((line) => line.trim())
}
