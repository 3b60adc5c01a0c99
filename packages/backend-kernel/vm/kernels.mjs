import { existsSync, lstatSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cachePath, readJson, writeJson } from './cache.mjs'
import { buildDebugKernel, debugKernelIsReady, debugKernelOf } from './debug-kernel.mjs'
import { ensureRoot, rootDirectory } from './root.mjs'
import { runInRoot } from './run-in-root.mjs'
import { VmError } from './vm-error.mjs'
import { withLock } from './with-lock.mjs'

/**
 * @typedef {object} Kernel A kernel that is ready to be booted and built against.
 * @property {string} name The name callers use, such as `7.3`.
 * @property {string} version What `uname -r` says in it.
 * @property {string} image The path of its vmlinuz.
 * @property {string} modules The path of its /lib/modules/VERSION.
 * @property {string} root The root whose tools build for it.
 * @property {string} [build] What out-of-tree modules are built against, when it is not in the root.
 * @property {readonly string[]} [arguments] Words of its command line.
 * @property {number} slowness How many times longer than elsewhere everything may take in it.
 *
 * @typedef {object} KernelDefinition
 * @property {string} name
 * @property {string} note
 * @property {string} series Of its source.
 * @property {() => Promise<string | undefined>} ready Its version, when nothing must be fetched or built.
 * @property {(progress: import('./progress.mjs').Progress, update: boolean) => Promise<Kernel>} ensure
 */

/**
 * The supported kernels: this list is the one place that pins them. The exact version of a series is
 * looked up once and remembered in the cache.
 *
 * @type {readonly [KernelDefinition, ...KernelDefinition[]]}
 */
export const KERNELS = [
  debianKernel('7.3', 'trixie-backports: device memory, unlocked fault'),
  debianKernel('7.2', 'trixie-backports: device memory, locked fault only'),
  debianKernel('6.12', 'trixie: mirrors on the software device only'),
  debugKernel(
    'debug',
    '7.3',
    'built here: KASAN, lockdep, DMA-API checks, kmemleak, fault injection',
  ),
]

export const DEFAULT_KERNEL = KERNELS[0].name

/**
 * Makes the kernel of that name ready: what is missing is downloaded.
 *
 * @param {string} name
 * @param {{ progress: import('./progress.mjs').Progress, update?: boolean }} options
 * @returns {Promise<Kernel>}
 */
export async function ensureKernel(name, { progress, update = false }) {
  return kernelDefinition(name).ensure(progress, update)
}

/** @param {string} name */
export function kernelDefinition(name) {
  const definition = KERNELS.find((kernel) => kernel.name === name)
  if (definition === undefined) {
    const names = KERNELS.map((kernel) => kernel.name).join(', ')
    throw new VmError('usage', `unknown kernel '${name}': one of ${names}`)
  }
  return definition
}

/** The versions that were chosen so far, by name. */
export async function chosenVersions() {
  const value = await readJson(cachePath('kernels.json'))
  return /** @type {Record<string, string>} */ (value ?? {})
}

/**
 * @param {string} series
 * @param {string} note
 * @returns {KernelDefinition}
 */
function debianKernel(series, note) {
  const ready = async () => {
    const known = (await chosenVersions())[series]
    return known !== undefined && existsSync(readyMark(known)) ? known : undefined
  }
  return {
    name: series,
    note,
    series,
    ready,
    ensure: async (progress, update) => {
      const known = update ? undefined : await ready()
      if (known !== undefined) return kernelOf(series, known)
      await ensureRoot({ progress })
      return withLock(
        'root',
        () => installDebianKernel(series, progress, update),
        () => {
          progress.note('waiting for another run that prepares the root')
        },
      )
    },
  }
}

/**
 * @param {string} series
 * @param {string} version
 * @returns {Kernel}
 */
function kernelOf(series, version) {
  const root = rootDirectory()
  return {
    name: series,
    version,
    image: join(root, 'boot', `vmlinuz-${version}`),
    modules: join(root, 'usr/lib/modules', version),
    root,
    slowness: 1,
  }
}

/**
 * @param {string} name
 * @param {string} series
 * @param {string} note
 * @returns {KernelDefinition}
 */
function debugKernel(name, series, note) {
  const ready = async () => {
    const known = (await chosenVersions())[name]
    return known !== undefined && debugKernelIsReady(known) ? known : undefined
  }
  return {
    name,
    note,
    series,
    ready,
    ensure: async (progress, update) => {
      const known = update ? undefined : await ready()
      if (known !== undefined) return debugKernelOf(name, known)
      const version = await buildDebugKernel(series, { progress, update })
      await rememberVersion(name, version)
      return debugKernelOf(name, version)
    },
  }
}

/**
 * @param {string} name
 * @param {string} version
 */
async function rememberVersion(name, version) {
  await withLock('kernels-json', async () => {
    await writeJson(cachePath('kernels.json'), { ...(await chosenVersions()), [name]: version })
  })
}

/** @param {string} version */
function readyMark(version) {
  return join(rootDirectory(), 'var/lib/hmm-sdk', `${version}.ready`)
}

/**
 * @param {string} series
 * @param {import('./progress.mjs').Progress} progress
 * @param {boolean} update
 */
async function installDebianKernel(series, progress, update) {
  const root = rootDirectory()
  const known = (await chosenVersions())[series]
  if (!update && known !== undefined && existsSync(readyMark(known))) return kernelOf(series, known)
  return progress.step(`installing kernel ${series}`, async (detail) => {
    /** @param {...string} command */
    const run = (...command) => runInRoot({ root, command, onLine: detail, env: { INITRD: 'No' } })
    await run('apt-get', 'update')
    const found = newestDebianKernel(
      series,
      (await run('apt-cache', 'pkgnames', 'linux-')).stdout.split('\n'),
    )
    if (found === undefined) {
      throw new VmError(
        'preparation-failed',
        `the mirror has no linux-image and linux-headers of ${series} for amd64`,
      )
    }
    const { version, packages } = found
    // A killed run may have left half of an installation.
    await run('dpkg', '--configure', '-a')
    await run('apt-get', 'install', '-y', '--no-install-recommends', ...packages)
    await run('depmod', version)
    await run('apt-get', 'clean')
    const kernel = kernelOf(series, version)
    for (const path of [kernel.image, join(kernel.modules, 'build')]) {
      // `build` is a link that leads somewhere only inside the root.
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined) {
        throw new VmError('preparation-failed', `${packages.join(' ')} brought no ${path}`)
      }
    }
    await mkdir(join(root, 'var/lib/hmm-sdk'), { recursive: true })
    await writeFile(readyMark(version), `${packages.join(' ')}\n`)
    await rememberVersion(series, version)
    progress.note(`kernel ${series} is ${version}`)
    return kernel
  })
}

/**
 * The newest version of a series that has both an image and headers; a signed image is preferred.
 *
 * @param {string} series
 * @param {readonly string[]} names Names of packages.
 * @returns {{ version: string, packages: string[] } | undefined}
 */
export function newestDebianKernel(series, names) {
  const all = new Set(names)
  const pattern = new RegExp(
    `^linux-image-(${series.replaceAll('.', '\\.')}\\.[0-9]+\\+deb13[^-]*-amd64)(?:-unsigned)?$`,
    'u',
  )
  const versions = new Set(names.flatMap((name) => pattern.exec(name)?.[1] ?? []))
  const order = new Intl.Collator('en', { numeric: true })
  return [...versions]
    .sort((a, b) => order.compare(b, a))
    .flatMap((version) => {
      const headers = `linux-headers-${version}`
      const image = [`linux-image-${version}`, `linux-image-${version}-unsigned`].find((name) =>
        all.has(name),
      )
      return image !== undefined && all.has(headers)
        ? [{ version, packages: [image, headers] }]
        : []
    })[0]
}
