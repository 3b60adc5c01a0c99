// The conformance suite on a PCI device, QEMU's edu: `node conformance-edu.mjs [ADDRESS...]`. Run by
// expect-dmar.mjs: what the device must not reach, the IOMMU refuses in the kernel log.
import { PEER } from './peer-device.mjs'
import { runSuite } from './suite.mjs'

await runSuite('conformance-edu', {
  devices: { demo: { kernel: { pci: '1234:11e8' } }, peer: PEER },
  only: process.argv.slice(2),
})
