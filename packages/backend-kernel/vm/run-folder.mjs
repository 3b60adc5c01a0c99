import { mkdir, mkdtemp, readdir, stat } from 'node:fs/promises'
import { cachePath, removeTree } from './cache.mjs'
import { VmError } from './vm-error.mjs'

const STALE_MS = 24 * 60 * 60 * 1000
// The kernel allows 107 bytes for the path of a Unix socket.
const LONGEST_PATH = 107 - '/stdout'.length

/**
 * A new folder for the files of one run. The caller removes it; what killed runs left behind goes here.
 *
 * @param {string} name
 * @returns {Promise<string>}
 */
export async function makeRunFolder(name) {
  const runs = cachePath('runs')
  await mkdir(runs, { recursive: true })
  for (const entry of await readdir(runs)) {
    const left = await stat(cachePath('runs', entry)).catch(() => undefined)
    if (left !== undefined && Date.now() - left.mtimeMs > STALE_MS) {
      await removeTree(cachePath('runs', entry))
    }
  }
  const folder = await mkdtemp(cachePath('runs', `${name}-`))
  if (Buffer.byteLength(folder) <= LONGEST_PATH) return folder
  await removeTree(folder)
  throw new VmError(
    'host-unsuitable',
    `the path of the cache is too long for sockets in it: ${folder}\nset HMM_SDK_CACHE to a shorter one`,
  )
}
