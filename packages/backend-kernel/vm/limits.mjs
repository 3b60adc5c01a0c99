// The defaults, for a kernel of ordinary speed.
const TIMEOUT_MS = 600_000
const BOOT_TIMEOUT_MS = 180_000
const UNLOAD_SECONDS = 30
// Between the end of the command and the end of QEMU, beside the limit of the unloading.
const SHUTDOWN_MS = 30_000

/**
 * @typedef {object} Limits
 * @property {number} timeoutMs Of the whole run, boot included.
 * @property {number} bootTimeoutMs Until the command starts.
 * @property {number} unloadSeconds Of the unloading of the module; 0: it stays loaded.
 * @property {number} shutdownMs Between the end of the command and the end of QEMU.
 */

/**
 * What the caller sets holds as it is; the defaults are longer for a slow kernel.
 *
 * @param {Pick<import('./run-in-vm.mjs').RunInVmOptions, 'timeoutMs' | 'bootTimeoutMs' | 'unloadSeconds'>} options
 * @param {number} slowness
 * @returns {Limits}
 */
export function limitsOf(options, slowness) {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS * slowness
  const unloadSeconds = options.unloadSeconds ?? UNLOAD_SECONDS * slowness
  return {
    timeoutMs,
    bootTimeoutMs: Math.min(options.bootTimeoutMs ?? BOOT_TIMEOUT_MS * slowness, timeoutMs),
    unloadSeconds,
    shutdownMs: SHUTDOWN_MS * slowness + unloadSeconds * 1000,
  }
}
