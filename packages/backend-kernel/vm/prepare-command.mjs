import { cacheDirectory } from './cache.mjs'
import { COMMON_OPTIONS, begin, parseOptions, print } from './command-line.mjs'
import { ensureInitramfs } from './initramfs.mjs'
import { ensureKernelSource } from './kernel-source.mjs'
import { ensureKernel, kernelDefinition } from './kernels.mjs'
import { ensureRoot } from './root.mjs'

const OPTIONS = /** @type {const} */ ({
  ...COMMON_OPTIONS,
  update: { type: 'boolean', default: false },
  source: { type: 'boolean', default: false },
})

/** @param {readonly string[]} args */
export async function prepareCommand(args) {
  const values = parseOptions(args, OPTIONS)
  const progress = await begin(values)
  const root = await ensureRoot({ progress })
  const kernel = await ensureKernel(values.kernel, { progress, update: values.update })
  const initramfs = await ensureInitramfs(kernel, { progress })
  const { series } = kernelDefinition(values.kernel)
  const source = values.source ? await ensureKernelSource(series, { progress }) : undefined
  print(
    values.json,
    { cache: cacheDirectory(), root, kernel, initramfs, source },
    [
      `cache   ${cacheDirectory()}`,
      `root    ${root}`,
      `kernel  ${kernel.version}`,
      ...(source === undefined ? [] : [`source  ${source}`]),
    ].join('\n'),
  )
  return 0
}
