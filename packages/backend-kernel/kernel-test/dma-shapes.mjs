// What stands between a device and memory, as a driver meets it: the DMA part of the conformance suite on
// QEMU's edu, once for each type of its IOMMU group. In a kernel booted with swiotlb=force the bounce buffers
// stand there, too. Run by expect-dmar.mjs: what the device must not reach, the IOMMU refuses in the log.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openBackend } from '@hmm-sdk/hmm-api'
import { runConformance } from '@hmm-sdk/hmm-api/conformance'
import { saveResult } from './suite.mjs'
import { slowness } from './slowness.mjs'

const CONFIG = { devices: { demo: { kernel: { pci: '1234:11e8' } } } }
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

const CASES = [
  'dma/streaming',
  'dma/list',
  'dma/attributes',
  'dma/bounce',
  'dma/lazy',
  'dma/mirror-refused',
]

const bouncing = readFileSync('/proc/cmdline', 'utf8').split(/\s/u).includes('swiotlb=force')
const address = eduAddress()
const total = { passed: 0, failed: 0, skipped: 0 }
for (const [name, shape] of Object.entries(bouncing ? BOUNCING : SHAPES)) {
  become(shape)
  const report = await runShape(name, shape.cases ?? CASES)
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

async function runShape(name, cases) {
  if (cases.length === 0) return { passed: 0, failed: 0, skipped: 0 }
  return runConformance({
    open: () => openBackend({ backend: 'kernel', config: CONFIG }),
    isolation: 'space',
    limitMs: 30_000 * slowness,
    only: cases,
    print: (line) => {
      if (!/^\d+ passed/mu.test(line)) console.log(`${name}: ${line}`)
    },
  })
}

function eduAddress() {
  const devices = '/sys/bus/pci/devices'
  const id = (device, file) => readFileSync(join(devices, device, file), 'utf8').trim()
  const found = readdirSync(devices).find(
    (device) => id(device, 'vendor') === '0x1234' && id(device, 'device') === '0x11e8',
  )
  if (found === undefined) throw new Error('there is no edu device (1234:11e8)')
  return found
}

/** The type of a group changes only while no driver has a device of it. */
function become({ type, untrusted = false }) {
  const driver = '/sys/bus/pci/drivers/hmm_sdk'
  if (existsSync(join(driver, address))) writeFileSync(join(driver, 'unbind'), address)
  writeFileSync(`/sys/bus/pci/devices/${address}/iommu_group/type`, type)
  writeFileSync(UNTRUSTED, untrusted ? 'Y' : 'N')
  writeFileSync(join(driver, 'bind'), address)
}

/** What the device says that it should not, given its shape. */
async function differences({ translating, bounce = false, lazy = false }) {
  const backend = await openBackend({ backend: 'kernel', config: CONFIG })
  const device = await backend.openDevice('demo')
  const { limits } = device.dma
  const said = {
    translating: limits.translating,
    bounce: device.capabilities.has('dma.bounce'),
    lazy: limits.flush === 'lazy',
  }
  const mirror = device.capabilities.get('dma.mirror')
  await device.close()
  await backend.close()
  const wrong = Object.entries({ translating, bounce, lazy })
    .filter(([key, value]) => said[key] !== value)
    .map(([key, value]) => `${key} is ${said[key]}, not ${value}`)
  if (mirror.supported && (!translating || bounce)) wrong.push('mirrored memory is not refused')
  if (!mirror.supported) console.log(`mirrored memory is refused: ${mirror.reason}`)
  return wrong
}
