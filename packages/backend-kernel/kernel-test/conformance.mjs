// The conformance suite on the software device: `node conformance.mjs [ADDRESS...]`.
import { runSuite } from './suite.mjs'

await runSuite('conformance', { only: process.argv.slice(2) })
