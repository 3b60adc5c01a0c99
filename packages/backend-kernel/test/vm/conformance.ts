// Run in the virtual machine: the conformance suite of hmm-api on this backend.
// HMM_SDK_ONLY names cases or groups, separated by commas; HMM_SDK_DEMO is JSON of the device's options.
import { openBackend } from '@hmm-sdk/hmm-api'
import { runConformance } from '@hmm-sdk/hmm-api/conformance'
import { createBackend } from '../../src/index.js'

const only = process.env['HMM_SDK_ONLY']?.split(',')
const demo = process.env['HMM_SDK_DEMO']
const devices = demo === undefined ? {} : { demo: { kernel: JSON.parse(demo) as unknown } }
const report = await runConformance({
  open: () => openBackend({ backend: createBackend, config: { devices } }),
  isolation: process.env['HMM_SDK_ISOLATION'] === 'space' ? 'space' : 'backend',
  ...(only === undefined ? {} : { only }),
  print: (line) => console.log(line),
})
process.exitCode = report.failed > 0 ? 1 : 0
