// The conformance suite on a PCI device, QEMU's edu: `node conformance-edu.mjs [ADDRESS...]`. Run by
// expect-dmar.mjs: what the device must not reach, the IOMMU refuses in the kernel log.
import { PEER } from './peer-device.mjs'
import { slowness } from './slowness.mjs'
import { runSuite } from './suite.mjs'

/** In a slow kernel: what a PCI device does otherwise than the software device. The rest is one code for both. */
const OWN = ['capability', 'dma', 'events', 'lifecycle', 'mirror', 'sequence']
const given = process.argv.slice(2)

await runSuite('conformance-edu', {
  devices: { demo: { kernel: { pci: '1234:11e8' } }, peer: PEER },
  only: given.length === 0 && slowness > 1 ? OWN : given,
})
