import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { cachePath, publishDirectory } from './cache.mjs'
import { ensureRoot } from './root.mjs'
import { runInRoot } from './run-in-root.mjs'
import { runProcess } from './run-process.mjs'
import { VmError } from './vm-error.mjs'
import { withLock } from './with-lock.mjs'

/**
 * Unpacks Debian's source of a kernel series into the cache, for reading and for a kernel of one's own.
 *
 * @param {string} series
 * @param {{ progress: import('./progress.mjs').Progress }} options
 * @returns {Promise<string>} The directory of the source.
 */
export async function ensureKernelSource(series, { progress }) {
  const target = cachePath(`linux-source-${series}`)
  if (existsSync(target)) return target
  const root = await ensureRoot({ progress })
  await withLock(`source-${series}`, async () => {
    if (existsSync(target)) return
    await progress.step(`downloading and unpacking linux-source-${series}`, (detail) =>
      publishDirectory(target, async (partial) => {
        const name = `linux-source-${series}`
        await runInRoot({
          root,
          command: ['apt-get', '-o', 'APT::Sandbox::User=root', 'download', name],
          mounts: [{ source: partial, target: '/mnt' }],
          cwd: '/mnt',
          onLine: detail,
        })
        const archive = (await readdir(partial)).find((file) => file.endsWith('.deb'))
        if (archive === undefined) throw new VmError('preparation-failed', `no package of ${name}`)
        detail('unpacking')
        const inner = `./usr/src/${name}.tar.xz`
        const script =
          'dpkg-deb --fsys-tarfile "$1" | tar -xO "$2" | xz -dcT0 | tar -x --strip-components=1'
        await runProcess('sh', ['-c', `${script} && rm "$1"`, 'sh', archive, inner], {
          cwd: partial,
        })
        if (!existsSync(join(partial, 'Makefile'))) {
          throw new VmError('preparation-failed', `${archive} has no kernel source in it`)
        }
      }),
    )
  })
  return target
}
