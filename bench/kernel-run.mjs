// `bench --kernel`: builds the reference, and runs the rows of bench/kernel.mjs where the module is.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { hasLocalModule } from '../packages/backend-kernel/vm/local-module.mjs'
import { cacheDir, root, run } from '../scripts/lib.mjs'

/** Whether the rows can be measured in this process; else they were, in a VM, with exit code `code`. */
export async function reachKernel(options) {
  if (process.env.HMM_SDK_BENCH_REFERENCE !== undefined) return { here: true }
  mkdirSync(cacheDir, { recursive: true })
  const reference = join(cacheDir, 'kernel-map')
  const source = join(root, 'bench/reference/kernel-map.c')
  const built = await run('cc', ['-O2', '-o', reference, source], { quiet: true })
  if (built.code !== 0) {
    console.error(`the reference does not build, with cc:\n${built.output}`)
    return { here: false, code: 1 }
  }
  if (hasLocalModule()) {
    process.env.HMM_SDK_BENCH_REFERENCE = reference
    return { here: true }
  }
  const { code } = await run(process.execPath, [
    ...[join(root, 'packages/backend-kernel/vm/cli.mjs'), 'run'],
    ...['--env', `HMM_SDK_BENCH_REFERENCE=${reference}`, '--'],
    ...[process.execPath, join(root, 'bench/run.mjs'), ...options],
  ])
  return { here: false, code }
}
