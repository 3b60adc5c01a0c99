import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MODULE_NAME } from './build-module.mjs'
import { guestScript, passedVariables, shellQuote } from './guest-script.mjs'
import { leakReport } from './leak-report.mjs'
import { coherentArguments, MEMORY_MIB } from './reserved-memory.mjs'

const GUEST_INIT = fileURLToPath(new URL('guest-init.sh', import.meta.url))
const DUMP_BEFORE_LIMIT_S = 5

/**
 * Writes what guest-init.sh reads.
 *
 * @param {string} share
 * @param {import('./kernels.mjs').Kernel} kernel
 * @param {'kvm' | 'tcg'} accelerator
 * @param {import('./run-in-vm.mjs').RunInVmOptions} options
 * @param {import('./limits.mjs').Limits} limits
 */
export async function fillShare(share, kernel, accelerator, options, limits) {
  await mkdir(join(share, 'results'), { recursive: true })
  await copyFile(GUEST_INIT, join(share, 'guest-init.sh'))
  if (options.module !== undefined) {
    await copyFile(options.module, join(share, `${MODULE_NAME}.ko`))
  }
  const cwd = options.cwd ?? process.cwd()
  const limit = Math.floor(limits.timeoutMs / 1000) - DUMP_BEFORE_LIMIT_S
  const config = {
    HMM_VM_CWD: cwd,
    HMM_VM_MODULES: kernel.modules,
    HMM_VM_MODULE: options.module === undefined ? '' : MODULE_NAME,
    HMM_VM_MODULE_ARGUMENTS:
      options.moduleArguments ?? coherentArguments(options.memoryMiB ?? MEMORY_MIB),
    HMM_VM_UNLOAD_SECONDS: String(limits.unloadSeconds),
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
 * @typedef {object} GuestReports
 * @property {number | undefined} exitCode
 * @property {string | undefined} setupError
 * @property {string | undefined} unload `ok`, or why the module could not be unloaded.
 * @property {boolean} booted The kernel was up before anything of ours ran.
 * @property {boolean} finished The guest went down on purpose.
 * @property {string | undefined} leaks What kmemleak found, in kernels that have it.
 */

/**
 * Reads what guest-init.sh wrote.
 *
 * @param {string} share
 * @returns {Promise<GuestReports>}
 */
export async function guestReports(share) {
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
    booted: (await read('booted')) !== undefined,
    finished: (await read('finished')) !== undefined,
    leaks: leakReport(await read('kmemleak'), await read('module-symbols')),
  }
}
