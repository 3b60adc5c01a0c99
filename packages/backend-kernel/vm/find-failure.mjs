import { describeSplats } from './splat.mjs'

/**
 * @typedef {object} VmFailure
 * @property {import('./vm-error.mjs').VmErrorName} name
 * @property {string} message
 */

/**
 * What is most worth knowing, first.
 *
 * @param {import('./boot-vm.mjs').Outcome} outcome
 * @param {import('./guest-share.mjs').GuestReports} reports
 * @param {import('./splat.mjs').KernelLogReport} report
 * @param {string} kernelLog
 * @returns {VmFailure | undefined}
 */
export function findFailure(outcome, reports, { splats }, kernelLog) {
  const seconds = (outcome.totalMs / 1000).toFixed(1)
  const splatText =
    splats.length === 0 ? '' : `\nits kernel had complained:\n${describeSplats(splats)}`
  const tail = `\nlast words of its kernel:\n${lastLines(kernelLog)}`
  switch (outcome.end) {
    case 'aborted':
      return { name: 'interrupted', message: 'the run was interrupted' }
    case 'wrong-clock':
      return {
        name: 'vm-died',
        message: `the clock of the VM runs too fast: this machine was too busy while it booted${tail}`,
      }
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
