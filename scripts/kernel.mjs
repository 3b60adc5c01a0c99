// `node scripts/kernel.mjs demo|test [ARGUMENTS]`: the examples or the tests on a real Linux kernel, in a
// virtual machine that the harness boots.
import { join } from 'node:path'
import { root, run } from './lib.mjs'

const harness = join(root, 'packages/backend-kernel/vm/cli.mjs')
process.exitCode = (await run(process.execPath, [harness, ...process.argv.slice(2)])).code
