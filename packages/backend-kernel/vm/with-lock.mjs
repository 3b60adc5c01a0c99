import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { cachePath } from './cache.mjs'
import { toolEnvironment } from './run-process.mjs'
import { VmError } from './vm-error.mjs'

/**
 * Runs `work` while no other process on this machine holds the lock of that name. The kernel holds it
 * (flock, through a helper that ends when this process ends in whatever way), so there are no stale locks.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @param {(() => void) | undefined} [onWait] Called once when somebody else has the lock.
 * @returns {Promise<T>}
 */
export async function withLock(name, work, onWait) {
  await mkdir(cachePath('locks'), { recursive: true })
  const file = cachePath('locks', `${name}.lock`)
  // Detached: Ctrl-C reaches this process first, and the helper leaves when its input closes.
  const helper = spawn(
    'flock',
    ['--exclusive', '--close', file, 'sh', '-c', 'echo locked; exec cat'],
    { env: toolEnvironment(), stdio: ['pipe', 'pipe', 'ignore'], detached: true },
  )
  const ended = once(helper, 'close').catch((/** @type {unknown} */ cause) => {
    throw new VmError('host-unsuitable', `cannot run flock: ${String(cause)}`, { cause })
  })
  const waiting = setTimeout(() => onWait?.(), 1000)
  try {
    const failed = ended.then(() => {
      throw new VmError('preparation-failed', `cannot lock ${file}`)
    })
    await Promise.race([once(helper.stdout, 'data'), failed])
    clearTimeout(waiting)
    failed.catch(() => undefined)
    return await work()
  } finally {
    clearTimeout(waiting)
    helper.stdin.on('error', () => undefined)
    helper.stdin.end()
    await ended.catch(() => undefined)
  }
}
