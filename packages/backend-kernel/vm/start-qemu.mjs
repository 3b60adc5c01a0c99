import { spawn } from 'node:child_process'
import { QEMU } from './qemu.mjs'
import { toolEnvironment } from './run-process.mjs'

/**
 * @typedef {object} RunningQemu
 * @property {() => void} kill
 * @property {Promise<{ exitCode: number | undefined, signal: string | undefined, errors: string }>} ended
 *   Never rejects: a QEMU that cannot start has ended, with the reason in `errors`.
 */

/**
 * Starts QEMU so that it cannot outlive this process, however this process ends.
 *
 * @param {readonly string[]} args
 * @returns {RunningQemu}
 */
export function startQemu(args) {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', QEMU, ...args], {
    env: toolEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.setEncoding('utf8')
  child.stderr.on('data', (/** @type {string} */ text) => {
    errors += text
  })
  /** @type {RunningQemu['ended']} */
  const ended = new Promise((resolve) => {
    child.once('error', (error) => {
      resolve({ exitCode: undefined, signal: undefined, errors: String(error) })
    })
    child.once('close', (exitCode, signal) => {
      resolve({ exitCode: exitCode ?? undefined, signal: signal ?? undefined, errors })
    })
  })
  return { kill: () => child.kill('SIGKILL'), ended }
}
