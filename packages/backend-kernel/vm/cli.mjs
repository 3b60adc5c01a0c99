#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { buildAgent } from './build-agent.mjs'
import { buildModule } from './build-module.mjs'
import { cacheDirectory } from './cache.mjs'
import { doctor } from './doctor.mjs'
import { ensureHostPackages } from './host-packages.mjs'
import { ensureInitramfs } from './initramfs.mjs'
import { ensureKernelSource } from './kernel-source.mjs'
import { DEFAULT_KERNEL, KERNELS, ensureKernel } from './kernels.mjs'
import { hasAgentSource, hasModuleSource } from './package-folders.mjs'
import { Progress } from './progress.mjs'
import { ensureRoot } from './root.mjs'
import { runInVm } from './run-in-vm.mjs'
import { EXIT_CODES, VmError } from './vm-error.mjs'

const HELP = `Usage: node packages/backend-kernel/vm/cli.mjs <what> [options] [-- command...]

  prepare        make the Debian root, fetch the kernel, pack its initramfs
  build-module   build hmm_sdk.ko and print its path
  build-agent    build hmm-agent and print its path
  run            boot the kernel, load the module, run the command after -- in this folder
  doctor         say what is ready and what is missing

Options
  --kernel NAME            ${KERNELS.map((kernel) => kernel.name).join(', ')} (default ${DEFAULT_KERNEL})
  --json                   the result as JSON on standard output
  --quiet                  no progress
  --install-host-packages  install what the host lacks (apt-get)
  -h, --help

prepare
  --update                 look for a newer version of the kernel
  --source                 also unpack the kernel's source into the cache

build-module, build-agent
  --check                  more checks (sparse), and any warning is a failure

run
  --module WHICH           build (default when there is a module), none, or the path of a .ko
  --module-arguments TEXT  parameters of the module
  --keep-loaded            do not unload the module at the end
  --timeout SECONDS        limit of the whole run (default 600)
  --env NAME[=VALUE]       pass a variable (PATH, HOME, CI, NODE_*, VITEST*, HMM_* pass by themselves)
  --results DIRECTORY      where to copy what the command writes to $HMM_SDK_RESULTS
  --cpus N, --memory MIB   default 2 and 4096
  --device TEXT            one more QEMU device; may be repeated
  --kernel-argument TEXT   one more word of the kernel command line; may be repeated
  --no-iommu, --no-edu     leave out the Intel IOMMU, the edu device
  --keep-log               keep the kernel log of a success too

Exit codes: ${Object.entries(EXIT_CODES)
  .filter(([name]) => name !== 'guest-command-failed')
  .map(([name, code]) => `${code} ${name}`)
  .join(', ')};
a command that fails in the guest gives its own code.
Environment: HMM_SDK_CACHE, HMM_SDK_MIRROR, HMM_SDK_ACCELERATOR (kvm or tcg).
`

const COMMON = /** @type {const} */ ({
  kernel: { type: 'string', default: DEFAULT_KERNEL },
  json: { type: 'boolean', default: false },
  quiet: { type: 'boolean', default: false },
  'install-host-packages': { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
})

const PREPARE = /** @type {const} */ ({
  ...COMMON,
  update: { type: 'boolean', default: false },
  source: { type: 'boolean', default: false },
})

const BUILD = /** @type {const} */ ({
  ...COMMON,
  check: { type: 'boolean', default: false },
})

const RUN = /** @type {const} */ ({
  ...COMMON,
  module: { type: 'string' },
  'module-arguments': { type: 'string' },
  'keep-loaded': { type: 'boolean', default: false },
  timeout: { type: 'string' },
  env: { type: 'string', multiple: true, default: [] },
  results: { type: 'string' },
  cpus: { type: 'string' },
  memory: { type: 'string' },
  device: { type: 'string', multiple: true, default: [] },
  'kernel-argument': { type: 'string', multiple: true, default: [] },
  'no-iommu': { type: 'boolean', default: false },
  'no-edu': { type: 'boolean', default: false },
  'keep-log': { type: 'boolean', default: false },
})

/**
 * @template {import('node:util').ParseArgsOptionsConfig} T
 * @param {readonly string[]} args
 * @param {T} options
 */
function parse(args, options) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new VmError('usage', error instanceof Error ? error.message : String(error))
  }
}

/**
 * @param {{ quiet?: boolean | undefined, 'install-host-packages'?: boolean | undefined }} values
 */
async function begin(values) {
  const progress = new Progress({ quiet: values.quiet === true })
  await ensureHostPackages({ install: values['install-host-packages'] === true, progress })
  return progress
}

/**
 * @param {boolean | undefined} json
 * @param {unknown} value
 * @param {string} text
 */
function print(json, value, text) {
  process.stdout.write(`${json === true ? JSON.stringify(value) : text}\n`)
}

/** @param {readonly string[]} args */
async function prepare(args) {
  const values = parse(args, PREPARE)
  const progress = await begin(values)
  const root = await ensureRoot({ progress })
  const kernel = await ensureKernel(values.kernel, { progress, update: values.update })
  const initramfs = await ensureInitramfs(kernel, { progress })
  const source = values.source ? await ensureKernelSource(values.kernel, { progress }) : undefined
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

/** @param {readonly string[]} args */
async function module(args) {
  const values = parse(args, BUILD)
  const progress = await begin(values)
  const kernel = await ensureKernel(values.kernel, { progress })
  const result = await buildModule(kernel, { progress, check: values.check })
  print(values.json, { kernel: kernel.version, ...result }, result.path)
  return 0
}

/** @param {readonly string[]} args */
async function agent(args) {
  const values = parse(args, BUILD)
  const progress = await begin(values)
  const result = await buildAgent({ progress, check: values.check })
  print(values.json, result, result.path)
  return 0
}

/** @param {readonly string[]} args */
async function run(args) {
  const split = args.indexOf('--')
  const command = split === -1 ? [] : args.slice(split + 1)
  const values = parse(split === -1 ? args : args.slice(0, split), RUN)
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
    ...(values.timeout === undefined ? {} : { timeoutMs: number('timeout', values.timeout) * 1000 }),
    ...(values.cpus === undefined ? {} : { cpus: number('cpus', values.cpus) }),
    ...(values.memory === undefined ? {} : { memoryMiB: number('memory', values.memory) }),
    ...(values.results === undefined ? {} : { results: values.results }),
    env: {
      ...(agentPath === undefined ? {} : { HMM_SDK_AGENT: agentPath }),
      ...variables(values.env),
    },
    iommu: !values['no-iommu'],
    edu: !values['no-edu'],
    devices: values.device,
    kernelArguments: values['kernel-argument'],
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
  report(result.failure.name, result.failure.message)
  return result.failure.name === 'guest-command-failed'
    ? (result.exitCode ?? EXIT_CODES['guest-command-failed'])
    : EXIT_CODES[result.failure.name]
}

/** @param {readonly string[]} args */
async function check(args) {
  const values = parse(args, COMMON)
  const report = await doctor()
  print(
    values.json,
    report,
    report.checks
      .map(({ ok, needed, title, hint }) => `${ok ? 'ok  ' : needed ? 'MISS' : 'none'} ${title}${hint === '' ? '' : `: ${hint}`}`)
      .join('\n'),
  )
  return report.ok ? 0 : EXIT_CODES['host-unsuitable']
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
      if (name === undefined) throw new VmError('usage', `--env takes NAME or NAME=VALUE: '${setting}'`)
      return [name, value ?? process.env[name] ?? '']
    }),
  )
}

/**
 * @param {string} name
 * @param {string} message
 */
function report(name, message) {
  process.stderr.write(`hmm-vm: ${name}: ${message}\n`)
}

const COMMANDS = /** @type {Record<string, (args: readonly string[]) => Promise<number>>} */ ({
  prepare,
  'build-module': module,
  'build-agent': agent,
  run,
  doctor: check,
})

async function main() {
  const [what, ...args] = process.argv.slice(2)
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  if ([what, ...own].some((word) => word === '--help' || word === '-h')) {
    process.stdout.write(HELP)
    return 0
  }
  const command = what === undefined ? undefined : COMMANDS[what]
  if (command === undefined) {
    throw new VmError('usage', `${what === undefined ? 'what to do?' : `unknown: ${what}`}\n\n${HELP}`)
  }
  return command(args)
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof VmError)) throw error
  report(error.name, error.message)
  process.exitCode = EXIT_CODES[error.name]
}
