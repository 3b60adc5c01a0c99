import { buildAgent } from './build-agent.mjs'
import { buildModule } from './build-module.mjs'
import { COMMON_OPTIONS, begin, parseOptions, print } from './command-line.mjs'
import { ensureKernel } from './kernels.mjs'

const OPTIONS = /** @type {const} */ ({
  ...COMMON_OPTIONS,
  check: { type: 'boolean', default: false },
})

/** @param {readonly string[]} args */
export async function buildModuleCommand(args) {
  const values = parseOptions(args, OPTIONS)
  const progress = await begin(values)
  const kernel = await ensureKernel(values.kernel, { progress })
  const result = await buildModule(kernel, { progress, check: values.check })
  print(values.json, { kernel: kernel.version, ...result }, result.path)
  return 0
}

/** @param {readonly string[]} args */
export async function buildAgentCommand(args) {
  const values = parseOptions(args, OPTIONS)
  const progress = await begin(values)
  const result = await buildAgent({ progress, check: values.check })
  print(values.json, result, result.path)
  return 0
}
