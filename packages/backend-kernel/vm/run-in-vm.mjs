import { appendFile, cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { chooseAccelerator } from './accelerator.mjs'
import { bootVm } from './boot-vm.mjs'
import { removeTree } from './cache.mjs'
import { findFailure } from './find-failure.mjs'
import { takeGuestOutput } from './guest-output.mjs'
import { fillShare, guestReports } from './guest-share.mjs'
import { ensureInitramfs } from './initramfs.mjs'
import { keepLog } from './keep-log.mjs'
import { limitsOf } from './limits.mjs'
import { DEFAULT_KERNEL, ensureKernel } from './kernels.mjs'
import { Progress } from './progress.mjs'
import { qemuArguments } from './qemu.mjs'
import { makeRunFolder } from './run-folder.mjs'
import { scanKernelLog } from './splat.mjs'

/**
 * @typedef {object} RunInVmOptions
 * @property {readonly string[]} command
 * @property {string} [kernel] Name of a supported kernel.
 * @property {string} [module] Path of a hmm_sdk.ko that is loaded before the command and unloaded after.
 * @property {string} [moduleArguments]
 * @property {number} [unloadSeconds] Limit of the unloading; 0: the module stays loaded.
 * @property {string} [cwd]
 * @property {Readonly<Record<string, string>>} [env] Added to those of `passedVariables`.
 * @property {number} [timeoutMs] Limit of the whole run, boot included; more by default for a slow kernel.
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
 * @typedef {object} VmRun
 * @property {number | undefined} exitCode Of the command; `undefined` when the guest never said.
 * @property {import('./find-failure.mjs').VmFailure | undefined} failure
 * @property {string} kernelLog
 * @property {string | undefined} kernelLogPath Where the log was kept.
 * @property {import('./splat.mjs').KernelLogReport} report
 * @property {string} kernelVersion
 * @property {'kvm' | 'tcg'} accelerator
 * @property {{ bootMs: number | undefined, totalMs: number }} times
 */

/** Emulated kernels die now and then while they boot (text patching, timers, clocks), before anything of ours runs. */
const BOOTS = 3

/**
 * Boots a kernel with the host's root below it, runs one command there, and tells what happened. What goes
 * wrong inside the VM is in `failure`; it throws only when the VM cannot be started at all. A kernel that
 * dies before it is up is booted again, and said so; after that moment nothing is tried twice.
 *
 * @param {RunInVmOptions} options
 * @returns {Promise<VmRun>}
 */
export async function runInVm(options) {
  for (let boot = 1; ; boot++) {
    const { booted, ...run } = await runOnce(options)
    const died = run.failure?.name === 'vm-died' || run.failure?.name === 'vm-timeout'
    if (booted || !died || run.accelerator === 'kvm' || boot === BOOTS) return run
    options.progress?.note(
      `the kernel died while it booted (log: ${run.kernelLogPath}); boot ${boot + 1} of ${BOOTS}`,
    )
  }
}

/**
 * @param {RunInVmOptions} options
 * @returns {Promise<VmRun & { booted: boolean }>}
 */
async function runOnce(options) {
  const progress = options.progress ?? new Progress()
  const kernel = await ensureKernel(options.kernel ?? DEFAULT_KERNEL, { progress })
  const initramfs = await ensureInitramfs(kernel, { progress })
  const accelerator = await chooseAccelerator(kernel, { progress })
  const folder = await makeRunFolder(kernel.name)
  const share = join(folder, 'share')
  const kernelLogFile = join(folder, 'kernel.log')
  const sockets = { stdout: join(folder, 'stdout'), stderr: join(folder, 'stderr') }
  const listeners = [
    await takeGuestOutput(sockets.stdout, options.stdout ?? process.stdout),
    await takeGuestOutput(sockets.stderr, options.stderr ?? process.stderr),
  ]
  try {
    const limits = limitsOf(options, kernel.slowness)
    await fillShare(share, kernel, accelerator, options, limits)
    const outcome = await bootVm(
      qemuArguments({
        ...options,
        kernel,
        initramfs,
        accelerator,
        kernelLog: kernelLogFile,
        hostRoot: '/',
        share,
        sockets,
      }),
      share,
      limits,
      options.signal,
    )
    await Promise.all(listeners.map((listener) => listener.drained()))
    const reports = await guestReports(share)
    if (reports.leaks !== undefined) await appendFile(kernelLogFile, `\n${reports.leaks}\n`)
    const kernelLog = await readFile(kernelLogFile, 'utf8').catch(() => '')
    const report = scanKernelLog(kernelLog)
    const failure = findFailure(outcome, reports, report, kernelLog)
    if (options.results !== undefined) {
      await cp(join(share, 'results'), options.results, { recursive: true })
    }
    const keep = failure !== undefined || options.keepLog === true
    return {
      booted: reports.booted && outcome.end !== 'wrong-clock',
      exitCode: reports.exitCode,
      failure,
      kernelLog,
      kernelLogPath: keep ? await keepLog(kernelLogFile, kernel.name) : undefined,
      report,
      kernelVersion: kernel.version,
      accelerator,
      times: { bootMs: outcome.bootMs, totalMs: outcome.totalMs },
    }
  } finally {
    for (const listener of listeners) listener.close()
    await removeTree(folder)
  }
}
