import { existsSync } from 'node:fs'
import { copyFile, cp, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { chooseAccelerator } from './accelerator.mjs'
import { MODULE_NAME } from './build-module.mjs'
import { cachePath, removeTree } from './cache.mjs'
import { guestScript, passedVariables, shellQuote } from './guest-script.mjs'
import { ensureInitramfs } from './initramfs.mjs'
import { DEFAULT_KERNEL, ensureKernel } from './kernels.mjs'
import { Progress } from './progress.mjs'
import { qemuArguments } from './qemu.mjs'
import { describeSplats, scanKernelLog } from './splat.mjs'
import { startQemu } from './start-qemu.mjs'
import { VmError } from './vm-error.mjs'

/**
 * @typedef {object} RunInVmOptions
 * @property {readonly string[]} command
 * @property {string} [kernel] Name of a supported kernel.
 * @property {string} [module] Path of a hmm_sdk.ko that is loaded before the command and unloaded after.
 * @property {string} [moduleArguments]
 * @property {number} [unloadSeconds] Limit of the unloading; 0: the module stays loaded.
 * @property {string} [cwd]
 * @property {Readonly<Record<string, string>>} [env] Added to those of `passedVariables`.
 * @property {number} [timeoutMs] Limit of the whole run, boot included.
 * @property {number} [bootTimeoutMs] Limit until the command starts.
 * @property {number} [cpus]
 * @property {number} [memoryMiB]
 * @property {boolean} [iommu]
 * @property {boolean} [edu]
 * @property {readonly string[]} [devices]
 * @property {readonly string[]} [qemuArguments]
 * @property {readonly string[]} [kernelArguments]
 * @property {string} [results] A directory of the host that gets what the command wrote to HMM_SDK_RESULTS.
 * @property {boolean} [keepLog] Keep the kernel log of a success too.
 * @property {NodeJS.WritableStream} [stdout]
 * @property {NodeJS.WritableStream} [stderr]
 * @property {AbortSignal} [signal]
 * @property {Progress} [progress]
 *
 * @typedef {object} VmFailure
 * @property {import('./vm-error.mjs').VmErrorName} name
 * @property {string} message
 *
 * @typedef {object} VmRun
 * @property {number | undefined} exitCode Of the command; `undefined` when the guest never said.
 * @property {VmFailure | undefined} failure
 * @property {string} kernelLog
 * @property {string | undefined} kernelLogPath Where the log was kept.
 * @property {import('./splat.mjs').KernelLogReport} report
 * @property {string} kernelVersion
 * @property {'kvm' | 'tcg'} accelerator
 * @property {{ bootMs: number | undefined, totalMs: number }} times
 */

const GUEST_INIT = fileURLToPath(new URL('guest-init.sh', import.meta.url))
const TIMEOUT_MS = 600_000
const BOOT_TIMEOUT_MS = 180_000
// Between the end of the command and the end of QEMU, beside the limit of the unloading.
const SHUTDOWN_MS = 30_000
const DUMP_BEFORE_LIMIT_S = 5
const UNLOAD_SECONDS = 30
const POLL_MS = 100

/**
 * Boots a kernel with the host's root below it, runs one command there, and tells what happened. What goes
 * wrong inside the VM is in `failure`; it throws only when the VM cannot be started at all.
 *
 * @param {RunInVmOptions} options
 * @returns {Promise<VmRun>}
 */
export async function runInVm(options) {
  const progress = options.progress ?? new Progress()
  const kernel = await ensureKernel(options.kernel ?? DEFAULT_KERNEL, { progress })
  const initramfs = await ensureInitramfs(kernel, { progress })
  const accelerator = await chooseAccelerator(kernel, { progress })
  await mkdir(cachePath('runs'), { recursive: true })
  const folder = await mkdtemp(cachePath('runs', `${kernel.name}-`))
  // The path of a Unix socket is short by law of the kernel.
  const socketFolder = await mkdtemp(join(tmpdir(), 'hmm-vm-'))
  const share = join(folder, 'share')
  const kernelLogFile = join(folder, 'kernel.log')
  const listeners = [
    await listen(join(socketFolder, 'stdout'), options.stdout ?? process.stdout),
    await listen(join(socketFolder, 'stderr'), options.stderr ?? process.stderr),
  ]
  try {
    await fillShare(share, kernel, accelerator, options)
    const outcome = await boot(
      qemuArguments({
        ...options,
        kernel,
        initramfs,
        accelerator,
        kernelLog: kernelLogFile,
        hostRoot: '/',
        share,
        sockets: { stdout: join(socketFolder, 'stdout'), stderr: join(socketFolder, 'stderr') },
      }),
      share,
      options,
    )
    await Promise.all(listeners.map((listener) => listener.drained()))
    const kernelLog = await readFile(kernelLogFile, 'utf8').catch(() => '')
    const report = scanKernelLog(kernelLog)
    const reports = await guestReports(share)
    const failure = findFailure(outcome, reports, report, kernelLog)
    if (options.results !== undefined) {
      await cp(join(share, 'results'), options.results, { recursive: true })
    }
    const keep = failure !== undefined && failure.name !== 'guest-command-failed'
    return {
      exitCode: reports.exitCode,
      failure,
      kernelLog,
      kernelLogPath:
        keep || options.keepLog === true || failure !== undefined
          ? await keepLog(kernelLogFile, kernel.name)
          : undefined,
      report,
      kernelVersion: kernel.version,
      accelerator,
      times: { bootMs: outcome.bootMs, totalMs: outcome.totalMs },
    }
  } finally {
    for (const listener of listeners) listener.close()
    await removeTree(folder)
    await removeTree(socketFolder)
  }
}

/**
 * @param {string} share
 * @param {import('./kernels.mjs').Kernel} kernel
 * @param {'kvm' | 'tcg'} accelerator
 * @param {RunInVmOptions} options
 */
async function fillShare(share, kernel, accelerator, options) {
  await mkdir(join(share, 'results'), { recursive: true })
  await copyFile(GUEST_INIT, join(share, 'guest-init.sh'))
  if (options.module !== undefined) {
    await copyFile(options.module, join(share, `${MODULE_NAME}.ko`))
  }
  const cwd = options.cwd ?? process.cwd()
  const limit = Math.floor((options.timeoutMs ?? TIMEOUT_MS) / 1000) - DUMP_BEFORE_LIMIT_S
  const config = {
    HMM_VM_CWD: cwd,
    HMM_VM_MODULES: kernel.modules,
    HMM_VM_MODULE: options.module === undefined ? '' : MODULE_NAME,
    HMM_VM_MODULE_ARGUMENTS: options.moduleArguments ?? '',
    HMM_VM_UNLOAD_SECONDS: String(options.unloadSeconds ?? UNLOAD_SECONDS),
    HMM_VM_DUMP_AFTER: String(Math.max(1, limit)),
  }
  const lines = Object.entries(config).map(([name, value]) => `${name}=${shellQuote(value)}\n`)
  await writeFile(join(share, 'config'), lines.join(''))
  const env = {
    ...passedVariables(process.env),
    HMM_SDK_IN_VM: kernel.name,
    HMM_SDK_VM_ACCELERATOR: accelerator,
    HMM_SDK_RESULTS: '/run/hmm-vm/share/results',
    ...options.env,
  }
  await writeFile(join(share, 'command'), guestScript(options.command, cwd, env))
}

/**
 * @typedef {object} Outcome
 * @property {'ended' | 'boot-timeout' | 'timeout' | 'shutdown-timeout' | 'aborted'} end
 * @property {number | undefined} bootMs
 * @property {number} totalMs
 * @property {string} qemu What QEMU itself had to say.
 */

/**
 * Runs QEMU until it ends, or ends it at a limit.
 *
 * @param {readonly string[]} args
 * @param {string} share
 * @param {RunInVmOptions} options
 * @returns {Promise<Outcome>}
 */
async function boot(args, share, options) {
  const start = Date.now()
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const bootTimeoutMs = Math.min(options.bootTimeoutMs ?? BOOT_TIMEOUT_MS, timeoutMs)
  const shutdownMs = SHUTDOWN_MS + (options.unloadSeconds ?? UNLOAD_SECONDS) * 1000
  const qemu = startQemu(args)
  const stopped = qemu.ended.then(() => true)
  /** @type {number | undefined} */
  let startedAt
  /** @type {number | undefined} */
  let exitedAt
  /** @type {Outcome['end']} */
  let end = 'ended'
  while (!(await Promise.race([stopped, delay(POLL_MS, false)]))) {
    const now = Date.now()
    if (startedAt === undefined && existsSync(join(share, 'started'))) startedAt = now
    if (exitedAt === undefined && existsSync(join(share, 'exit-code'))) exitedAt = now
    if (options.signal?.aborted === true) end = 'aborted'
    else if (exitedAt !== undefined && now - exitedAt > shutdownMs) end = 'shutdown-timeout'
    else if (exitedAt === undefined && now - start > timeoutMs) end = 'timeout'
    else if (startedAt === undefined && now - start > bootTimeoutMs) end = 'boot-timeout'
    if (end !== 'ended') {
      qemu.kill()
      break
    }
  }
  const { exitCode, signal, errors } = await qemu.ended
  return {
    end,
    bootMs: startedAt === undefined ? undefined : startedAt - start,
    totalMs: Date.now() - start,
    qemu: `QEMU ended with ${signal ?? exitCode ?? 'an error'}${errors === '' ? '' : `: ${errors.trim()}`}`,
  }
}

/** @param {string} share */
async function guestReports(share) {
  /** @param {string} name */
  const read = (name) =>
    readFile(join(share, name), 'utf8').then(
      (text) => text.trim(),
      () => undefined,
    )
  const exitCode = await read('exit-code')
  return {
    exitCode: exitCode === undefined ? undefined : Number(exitCode),
    setupError: await read('setup-error'),
    unload: await read('unload'),
    finished: (await read('finished')) !== undefined,
  }
}

/**
 * What is most worth knowing, first.
 *
 * @param {Outcome} outcome
 * @param {Awaited<ReturnType<typeof guestReports>>} reports
 * @param {import('./splat.mjs').KernelLogReport} report
 * @param {string} kernelLog
 * @returns {VmFailure | undefined}
 */
function findFailure(outcome, reports, { splats }, kernelLog) {
  const seconds = (outcome.totalMs / 1000).toFixed(1)
  const splatText = splats.length === 0 ? '' : `\nits kernel had complained:\n${describeSplats(splats)}`
  const tail = `\nlast words of its kernel:\n${lastLines(kernelLog)}`
  switch (outcome.end) {
    case 'aborted':
      return { name: 'interrupted', message: 'the run was interrupted' }
    case 'boot-timeout':
      return {
        name: 'vm-timeout',
        message: `the VM did not boot within ${seconds} s${splatText}${tail}`,
      }
    case 'timeout':
      return {
        name: 'vm-timeout',
        message: `the command did not end within ${seconds} s${splatText}${tail}`,
      }
    case 'shutdown-timeout':
      return {
        name: 'vm-timeout',
        message: `the VM did not power off after the command had ended with ${reports.exitCode}${splatText}${tail}`,
      }
    case 'ended':
  }
  if (!reports.finished) {
    const when =
      reports.exitCode === undefined
        ? 'before the command ended'
        : `after the command had ended with ${reports.exitCode}`
    return {
      name: 'vm-died',
      message: `the VM died ${when} (${outcome.qemu})${splatText === '' ? tail : splatText}`,
    }
  }
  const code = reports.exitCode
  if (splats.length > 0) {
    const also = code === undefined || code === 0 ? '' : ` (and the command failed with ${code})`
    return {
      name: 'kernel-splat',
      message: `the guest's kernel complained${also}:\n${describeSplats(splats)}`,
    }
  }
  if (reports.setupError !== undefined || code === undefined) {
    return {
      name: 'guest-setup-failed',
      message: `${reports.setupError ?? 'no exit code'}${tail}`,
    }
  }
  if (code !== 0) {
    return { name: 'guest-command-failed', message: `the command failed with ${code}` }
  }
  if (reports.unload !== undefined && reports.unload !== 'ok') {
    return {
      name: 'module-unload-failed',
      message: `the module cannot be unloaded: ${reports.unload}${tail}`,
    }
  }
  return undefined
}

/** @param {string} text */
function lastLines(text) {
  return text
    .trimEnd()
    .split(/\r*\n/u)
    .slice(-15)
    .map((line) => `  | ${line}`)
    .join('\n')
}

/**
 * @param {string} file
 * @param {string} name
 */
async function keepLog(file, name) {
  await mkdir(cachePath('logs'), { recursive: true })
  const stamp = new Date().toISOString().replaceAll(/[:.]/gu, '-')
  const kept = cachePath('logs', `${stamp}-${name}-${process.pid}.log`)
  await copyFile(file, kept).catch(() => undefined)
  return kept
}

/**
 * Takes the words of the guest from a socket and hands them on.
 *
 * @param {string} path
 * @param {NodeJS.WritableStream} output
 */
async function listen(path, output) {
  /** @type {Promise<void>[]} */
  const streams = []
  const server = createServer((socket) => {
    streams.push(
      new Promise((resolve) => {
        socket.once('close', () => {
          resolve()
        })
      }),
    )
    socket.on('error', () => undefined)
    socket.pipe(output, { end: false })
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      resolve(undefined)
    })
  })
  return {
    drained: () => Promise.all(streams),
    close: () => server.close(),
  }
}
