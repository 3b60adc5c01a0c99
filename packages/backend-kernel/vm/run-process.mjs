import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { VmError } from './vm-error.mjs'

/**
 * @typedef {object} RunProcessOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env] Replaces the environment.
 * @property {string} [input] Written to the standard input; without it the input is empty.
 * @property {(line: string) => void} [onLine] Called for each line of either output stream.
 * @property {boolean} [allowFailure] Resolve instead of throwing when the exit code is not 0.
 *
 * @typedef {object} ProcessResult
 * @property {number} exitCode 128 + signal number is not used: a signal counts as 255.
 * @property {string} stdout
 * @property {string} output Both streams, in order of arrival by line.
 */

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The environment for host tools: plain messages, and the sbin folders in the search path. */
export function toolEnvironment() {
  return {
    ...process.env,
    PATH: `${process.env['PATH'] ?? ''}:${SYSTEM_PATH}`,
    LC_ALL: 'C.UTF-8',
    DEBIAN_FRONTEND: 'noninteractive',
  }
}

/**
 * Runs one program to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunProcessOptions} [options]
 * @returns {Promise<ProcessResult>}
 */
export async function runProcess(command, args, options = {}) {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? toolEnvironment(),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  /** @type {string[]} */
  const stdout = []
  /** @type {string[]} */
  const output = []
  const read = [
    { stream: child.stdout, own: stdout },
    { stream: child.stderr, own: undefined },
  ].map(async ({ stream, own }) => {
    for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
      own?.push(line)
      output.push(line)
      options.onLine?.(line)
    }
  })
  // A program may leave without reading its input; that is no failure of its own.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  const exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      resolve(code ?? 255)
    })
  }).catch((/** @type {unknown} */ cause) => {
    throw new VmError('host-unsuitable', `cannot run ${command}: ${String(cause)}`, { cause })
  })
  await Promise.all(read)
  const result = { exitCode, stdout: stdout.join('\n'), output: output.join('\n') }
  if (exitCode !== 0 && options.allowFailure !== true) {
    const tail = output.slice(-25).join('\n')
    throw new VmError(
      'preparation-failed',
      `${[command, ...args].join(' ')} failed with ${exitCode}\n${tail}`,
      { output: result.output },
    )
  }
  return result
}
