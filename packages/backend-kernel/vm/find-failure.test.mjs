import { expect, test } from 'vitest'
import { findFailure } from './find-failure.mjs'
import { scanKernelLog } from './splat.mjs'

const OUTCOME = {
  end: /** @type {const} */ ('ended'),
  bootMs: 3000,
  totalMs: 5000,
  qemu: 'QEMU ended with 0',
}
const REPORTS = {
  exitCode: 0,
  setupError: undefined,
  unload: 'ok',
  booted: true,
  finished: true,
  leaks: undefined,
}
const CLEAN = '[    1.0] hmm-vm: command starts\n'

/**
 * @param {Partial<import('./boot-vm.mjs').Outcome>} outcome
 * @param {Partial<import('./guest-share.mjs').GuestReports>} reports
 */
function failure(outcome, reports, log = CLEAN) {
  return findFailure(
    { ...OUTCOME, ...outcome },
    { ...REPORTS, ...reports },
    scanKernelLog(log),
    log,
  )
}

test('all went well', () => {
  expect(failure({}, {})).toBeUndefined()
})

test.each([
  ['vm-timeout', { end: /** @type {const} */ ('boot-timeout') }, { finished: false }],
  ['vm-timeout', { end: /** @type {const} */ ('shutdown-timeout') }, { finished: false }],
  ['interrupted', { end: /** @type {const} */ ('aborted') }, { finished: false }],
  ['vm-died', { end: /** @type {const} */ ('wrong-clock') }, { finished: false }],
  ['vm-died', {}, { finished: false, exitCode: undefined }],
  ['vm-died', {}, { finished: false, exitCode: 0 }],
  ['guest-setup-failed', {}, { exitCode: undefined, setupError: 'insmod' }],
  ['guest-command-failed', {}, { exitCode: 3 }],
  ['module-unload-failed', {}, { unload: 'busy' }],
])('%s: %o %o', (name, outcome, reports) => {
  expect(failure(outcome, reports)?.name).toBe(name)
})

test('a splat outranks the failure of the command, and names it', () => {
  const found = failure({}, { exitCode: 3 }, `${CLEAN}[    2.0] WARNING: test\n`)
  expect(found?.name).toBe('kernel-splat')
  expect(found?.message).toContain('failed with 3')
})

test('a VM that died tells what its kernel had complained about', () => {
  const log = `${CLEAN}[    2.0] Kernel panic - not syncing: sysrq triggered crash\n`
  const found = failure({}, { finished: false, exitCode: undefined }, log)
  expect(found?.name).toBe('vm-died')
  expect(found?.message).toContain('sysrq triggered crash')
})
