import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { clockRunsAhead } from './guest-clock.mjs'
import { startQemu } from './start-qemu.mjs'

const POLL_MS = 100

/**
 * @typedef {object} Outcome
 * @property {'ended' | 'boot-timeout' | 'timeout' | 'shutdown-timeout' | 'aborted'
 *   | 'wrong-clock'} end
 * @property {number | undefined} bootMs
 * @property {number} totalMs
 * @property {string} qemu What QEMU itself had to say.
 */

/**
 * Runs QEMU until it ends, or ends it at a limit.
 *
 * @param {readonly string[]} args
 * @param {string} share
 * @param {import('./limits.mjs').Limits} limits
 * @param {AbortSignal | undefined} aborting
 * @returns {Promise<Outcome>}
 */
export async function bootVm(args, share, limits, aborting) {
  const start = Date.now()
  const { timeoutMs, bootTimeoutMs, shutdownMs } = limits
  const qemu = startQemu(args)
  const stopped = qemu.ended.then(() => true)
  let booted = false
  let clockIsWrong = false
  /** @type {number | undefined} */
  let startedAt
  /** @type {number | undefined} */
  let exitedAt
  /** @type {Outcome['end']} */
  let end = 'ended'
  while (!(await Promise.race([stopped, delay(POLL_MS, false)]))) {
    const now = Date.now()
    if (!booted && existsSync(join(share, 'booted'))) {
      booted = true
      clockIsWrong = clockRunsAhead(readFileSync(join(share, 'booted'), 'utf8'), now - start)
    }
    if (startedAt === undefined && existsSync(join(share, 'started'))) startedAt = now
    if (exitedAt === undefined && existsSync(join(share, 'exit-code'))) exitedAt = now
    if (aborting?.aborted === true) end = 'aborted'
    else if (clockIsWrong) end = 'wrong-clock'
    else if (exitedAt !== undefined && now - exitedAt > shutdownMs) end = 'shutdown-timeout'
    else if (startedAt === undefined && now - start > bootTimeoutMs) end = 'boot-timeout'
    else if (exitedAt === undefined && now - start > timeoutMs) end = 'timeout'
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
