// The conformance suite on the kernel backend: `node conformance.mjs [ADDRESS...]`.
import { openBackend } from '@hmm-sdk/hmm-api'
import { runConformance } from '@hmm-sdk/hmm-api/conformance'

const only = process.argv.slice(2)
const report = await runConformance({
  open: () => openBackend({ backend: 'kernel', config: false }),
  isolation: 'space',
  limitMs: 30_000,
  print: (line) => console.log(line),
  ...(only.length > 0 ? { only } : {}),
})
process.exitCode = report.ok ? 0 : 1
