// `node scripts/kernel.mjs demo|test [HARNESS OPTIONS]`: the examples or the tests on a real Linux kernel, in
// a virtual machine that packages/backend-kernel/vm boots; see its --help for the options.
import { join } from 'node:path'
import { root, run } from './lib.mjs'

const harness = join(root, 'packages/backend-kernel/vm/cli.mjs')
const inGuest = {
  demo: ['node', 'packages/examples/dist/cli.js', 'all', '--backend', 'kernel'],
  // The tests named *.kernel.test.ts, with the same closing line.
  test: ['node', 'scripts/test.mjs'],
}

const [what, ...options] = process.argv.slice(2)
const { code } = await run(process.execPath, [harness, 'run', ...options, '--', ...inGuest[what]], {
  env: { HMM_TEST_ON: 'kernel' },
})
process.exitCode = code
