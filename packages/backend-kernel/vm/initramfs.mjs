import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cachePath, publishDirectory, removeTree } from './cache.mjs'
import { findCommand } from './host-packages.mjs'
import { modulesInLoadOrder } from './module-dependencies.mjs'
import { runProcess } from './run-process.mjs'
import { VmError } from './vm-error.mjs'
import { withLock } from './with-lock.mjs'

const MODULES = ['virtio_pci', 'virtio_console', '9pnet_virtio', '9p', 'overlay']

const INIT = fileURLToPath(new URL('initramfs-init.sh', import.meta.url))

const DECOMPRESSORS = /** @type {Record<string, readonly string[]>} */ ({
  '.xz': ['xz', '-dc'],
  '.zst': ['zstd', '-dc'],
  '.gz': ['gzip', '-dc'],
})

/**
 * The small first file system of a kernel: busybox, and the modules that reach the host's root.
 *
 * @param {import('./kernels.mjs').Kernel} kernel
 * @param {{ progress: import('./progress.mjs').Progress }} options
 * @returns {Promise<string>} The path of the archive.
 */
export async function ensureInitramfs(kernel, { progress }) {
  const busybox = findCommand('busybox')
  if (busybox === undefined) throw new VmError('host-unsuitable', 'busybox is missing')
  const key = createHash('sha256')
    .update(JSON.stringify(MODULES))
    .update(await readFile(INIT))
    .update(await readFile(busybox))
    .digest('hex')
    .slice(0, 16)
  const target = cachePath('initramfs', `${kernel.version}-${key}`)
  const archive = join(target, 'initramfs.gz')
  if (existsSync(archive)) return archive
  await withLock(`initramfs-${kernel.version}`, async () => {
    if (existsSync(archive)) return
    await progress.step(`packing the initramfs of ${kernel.version}`, () =>
      publishDirectory(target, (partial) => pack(kernel, busybox, partial)),
    )
  })
  return archive
}

/**
 * @param {import('./kernels.mjs').Kernel} kernel
 * @param {string} busybox
 * @param {string} partial
 */
async function pack(kernel, busybox, partial) {
  const tree = join(partial, 'tree')
  await mkdir(join(tree, 'bin'), { recursive: true })
  await mkdir(join(tree, 'modules'))
  await copyFile(busybox, join(tree, 'bin/busybox'))
  await copyFile(INIT, join(tree, 'init'))
  await chmod(join(tree, 'init'), 0o755)
  /** @type {string[]} */
  const order = []
  for (const module of await modulesInLoadOrder(kernel.modules, MODULES)) {
    const name = basename(module).replace(/\.ko\..*$/u, '.ko')
    await unpackModule(join(kernel.modules, module), join(tree, 'modules', name))
    order.push(name)
  }
  await writeFile(join(tree, 'modules/load-order'), order.map((name) => `${name}\n`).join(''))
  const script = 'find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 > ../initramfs.gz'
  await runProcess('sh', ['-c', script], { cwd: tree })
  await removeTree(tree)
}

/**
 * @param {string} from
 * @param {string} to
 */
async function unpackModule(from, to) {
  const suffix = /\.ko(\.[a-z]+)$/u.exec(from)?.[1]
  const decompressor = suffix === undefined ? undefined : DECOMPRESSORS[suffix]
  if (decompressor === undefined) {
    await copyFile(from, to)
    return
  }
  await runProcess('sh', ['-c', `${decompressor.join(' ')} "$1" > "$2"`, 'sh', from, to])
}
