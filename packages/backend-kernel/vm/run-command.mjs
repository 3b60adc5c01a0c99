import { buildAgent } from './build-agent.mjs'
import { buildModule } from './build-module.mjs'
import { COMMON_OPTIONS, begin, parseOptions, reportFailure } from './command-line.mjs'
import { ensureKernel } from './kernels.mjs'
import { hasAgentSource, hasModuleSource } from './package-folders.mjs'
import { runInVm } from './run-in-vm.mjs'
import { EXIT_CODES, VmError } from './vm-error.mjs'

const OPTIONS = /** @type {const} */ ({
  ...COMMON_OPTIONS,
  module: { type: 'string' },
  'module-arguments': { type: 'string' },
  'keep-loaded': { type: 'boolean', default: false },
  timeout: { type: 'string' },
  env: { type: 'string', multiple: true },
  results: { type: 'string' },
  cpus: { type: 'string' },
  memory: { type: 'string' },
  device: { type: 'string', multiple: true },
  'kernel-argument': { type: 'string', multiple: true },
  'qemu-argument': { type: 'string', multiple: true },
  'no-iommu': { type: 'boolean', default: false },
  'no-edu': { type: 'boolean', default: false },
  'keep-log': { type: 'boolean', default: false },
})

/** @param {readonly string[]} args */
export async function runCommand(args) {
  const split = args.indexOf('--')
  const command = split === -1 ? [] : args.slice(split + 1)
  const values = parseOptions(split === -1 ? args : args.slice(0, split), OPTIONS)
  if (command.length === 0) throw new VmError('usage', 'run needs a command after --')
  const progress = await begin(values)
  const kernel = await ensureKernel(values.kernel, { progress })
  const chosen = values.module ?? (hasModuleSource() ? 'build' : 'none')
  const modulePath =
    chosen === 'none'
      ? undefined
      : chosen === 'build'
        ? (await buildModule(kernel, { progress })).path
        : chosen
  const agentPath = hasAgentSource() ? (await buildAgent({ progress })).path : undefined
  const abort = new AbortController()
  const interrupt = () => {
    abort.abort()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  const result = await runInVm({
    command,
    kernel: values.kernel,
    ...(modulePath === undefined ? {} : { module: modulePath }),
    ...(values['module-arguments'] === undefined
      ? {}
      : { moduleArguments: values['module-arguments'] }),
    ...(values['keep-loaded'] ? { unloadSeconds: 0 } : {}),
    ...(values.timeout === undefined
      ? {}
      : { timeoutMs: number('timeout', values.timeout) * 1000 }),
    ...(values.cpus === undefined ? {} : { cpus: number('cpus', values.cpus) }),
    ...(values.memory === undefined ? {} : { memoryMiB: number('memory', values.memory) }),
    ...(values.results === undefined ? {} : { results: values.results }),
    env: {
      ...(agentPath === undefined ? {} : { HMM_SDK_AGENT: agentPath }),
      ...variables(values.env ?? []),
    },
    iommu: !values['no-iommu'],
    edu: !values['no-edu'],
    devices: values.device ?? [],
    kernelArguments: values['kernel-argument'] ?? [],
    qemuArguments: values['qemu-argument'] ?? [],
    keepLog: values['keep-log'],
    // With --json the standard output is the result's alone.
    stdout: values.json ? process.stderr : process.stdout,
    signal: abort.signal,
    progress,
  })
  if (values.json) {
    const { kernelLog: _, ...rest } = result
    process.stdout.write(`${JSON.stringify(rest)}\n`)
  }
  const seconds = (result.times.totalMs / 1000).toFixed(1)
  progress.note(`${result.kernelVersion} with ${result.accelerator}, ${seconds} s`)
  if (result.kernelLogPath !== undefined) progress.note(`kernel log: ${result.kernelLogPath}`)
  if (result.failure === undefined) return 0
  reportFailure(result.failure.name, result.failure.message)
  return result.failure.name === 'guest-command-failed'
    ? (result.exitCode ?? EXIT_CODES['guest-command-failed'])
    : EXIT_CODES[result.failure.name]
}

/**
 * @param {string} option
 * @param {string} text
 */
function number(option, text) {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new VmError('usage', `--${option} takes a number above 0, not '${text}'`)
}

/** @param {readonly string[]} settings */
function variables(settings) {
  return Object.fromEntries(
    settings.map((setting) => {
      const [, name, value] = /^([A-Za-z_]\w*)(?:=([\s\S]*))?$/u.exec(setting) ?? []
      if (name === undefined)
        throw new VmError('usage', `--env takes NAME or NAME=VALUE: '${setting}'`)
      return [name, value ?? process.env[name] ?? '']
    }),
  )
}
