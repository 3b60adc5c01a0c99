import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cachePath, publishDirectory, removeTree } from './cache.mjs'
import { sourceVersion, unmetAnswers } from './kernel-config.mjs'
import { ensureKernelSource } from './kernel-source.mjs'
import { ensureRoot, rootDirectory } from './root.mjs'
import { runInRoot } from './run-in-root.mjs'
import { VmError } from './vm-error.mjs'
import { withLock } from './with-lock.mjs'

const FRAGMENT = fileURLToPath(new URL('debug.config', import.meta.url))

/** Every check costs time, and emulation multiplies it. */
const SLOWNESS = 6

const ARGUMENTS = [
  // The allocator's per-CPU lists keep stale pointers to what was taken from them, and kmemleak takes these
  // for references. Caches with checks of their own have no such lists.
  'slab_debug=F',
  // While the kernel detects its CPU it does not know for a moment that it has 5-level page tables: KASAN
  // reports any interrupt that comes then as an access to a wild address.
  'no5lvl',
]

const KEPT_KERNELS = 2

const SOURCE = '/kernel-source'
const OBJECTS = '/kernel-objects'
const RESULT = '/kernel-result'

const MAKE = ['make', '-C', SOURCE, `O=${OBJECTS}`, 'ARCH=x86_64']
// Whoever asked for it waits anyway, and everybody else should not: the lowest priority.
const GENTLY = ['nice', '-n', '19', 'ionice', '-c', '3']
// Nothing about the machine that built it goes into the kernel.
const ENVIRONMENT = { KBUILD_BUILD_USER: 'hmm-sdk', KBUILD_BUILD_HOST: 'hmm-sdk' }

/**
 * The end of the version of a kernel that is built with this configuration and compiler.
 *
 * @param {string} fragment
 * @param {string} root
 */
export function debugVersionSuffix(fragment, root) {
  const recipe = JSON.stringify([fragment, basename(root), MAKE])
  return `-hmm-debug-${createHash('sha256').update(recipe).digest('hex').slice(0, 8)}`
}

/**
 * Whether a kernel of that version is built, with the configuration of today.
 *
 * @param {string} version
 */
export function debugKernelIsReady(version) {
  const suffix = debugVersionSuffix(readFileSync(FRAGMENT, 'utf8'), rootDirectory())
  return version.endsWith(suffix) && existsSync(kernelDirectory(version))
}

/** @param {string} version */
function kernelDirectory(version) {
  return cachePath('kernels', version)
}

/**
 * @param {string} name
 * @param {string} version
 * @returns {import('./kernels.mjs').Kernel}
 */
export function debugKernelOf(name, version) {
  const directory = kernelDirectory(version)
  return {
    name,
    version,
    image: join(directory, 'vmlinuz'),
    modules: join(directory, 'modules'),
    build: join(directory, 'build'),
    root: rootDirectory(),
    slowness: SLOWNESS,
    arguments: ARGUMENTS,
  }
}

/**
 * Builds the kernel from Debian's source of a series, unless it is there. A build that was killed goes on
 * where it stopped: its objects are kept, and the finished kernel appears in one step.
 *
 * @param {string} series
 * @param {{ progress: import('./progress.mjs').Progress, update: boolean }} options
 * @returns {Promise<string>} Its version.
 */
export async function buildDebugKernel(series, { progress, update }) {
  const root = await ensureRoot({ progress })
  return withLock(
    'debug-kernel',
    async () => {
      if (update) {
        // Newer sources may carry older times: objects of the old ones would look up to date.
        await removeTree(cachePath('kernel-objects'))
        await removeTree(cachePath(`linux-source-${series}`))
      }
      const source = await ensureKernelSource(series, { progress })
      const base = sourceVersion(await readFile(join(source, 'Makefile'), 'utf8'))
      if (base === undefined) throw new VmError('preparation-failed', `no version in ${source}`)
      const fragment = await readFile(FRAGMENT, 'utf8')
      const suffix = debugVersionSuffix(fragment, root)
      const version = `${base}${suffix}`
      const target = kernelDirectory(version)
      if (!update && existsSync(target)) return version
      const objects = cachePath('kernel-objects', base)
      await mkdir(objects, { recursive: true })
      const build = { root, source, objects, suffix, version, fragment, progress }
      await configure(build)
      await compile(build)
      await progress.step(`installing kernel ${version}`, (detail) =>
        publishDirectory(target, (partial) => install(build, partial, detail)),
      )
      await prune()
      return version
    },
    () => {
      progress.note('waiting for another run that builds the debug kernel')
    },
  )
}

/**
 * @typedef {object} Build
 * @property {string} root
 * @property {string} source
 * @property {string} objects
 * @property {string} suffix
 * @property {string} version
 * @property {string} fragment
 * @property {import('./progress.mjs').Progress} progress
 */

/**
 * @param {Build} build
 * @param {readonly string[]} command
 * @param {{ result?: string, env?: Record<string, string>, onLine?: (line: string) => void }} [options]
 */
async function runInBuild(build, command, { result, env, onLine } = {}) {
  return runInRoot({
    root: build.root,
    command: [...GENTLY, ...command],
    mounts: [
      { source: build.source, target: SOURCE },
      { source: build.objects, target: OBJECTS },
      ...(result === undefined ? [] : [{ source: result, target: RESULT }]),
    ],
    env: { ...ENVIRONMENT, ...env },
    ...(onLine === undefined ? {} : { onLine }),
  })
}

/** @param {Build} build */
async function configure(build) {
  const { objects, fragment } = build
  const old = await readFile(join(objects, '.config'), 'utf8').catch(() => undefined)
  await writeFile(join(objects, 'fragment'), fragment)
  await runInBuild(build, [...MAKE, 'allnoconfig'], {
    env: { KCONFIG_ALLCONFIG: `${OBJECTS}/fragment` },
  })
  const config = await readFile(join(objects, '.config'), 'utf8')
  const unmet = unmetAnswers(fragment, config)
  if (unmet.length > 0) {
    throw new VmError(
      'preparation-failed',
      `answers of ${FRAGMENT} that the kernel's configuration did not take:\n${unmet.join('\n')}`,
    )
  }
  if (old === config) build.progress.note(`going on with the objects in ${objects}`)
}

/** @param {Build} build */
async function compile(build) {
  await build.progress.step(`building kernel ${build.version}`, async (detail) => {
    let files = 0
    await runInBuild(
      build,
      [
        ...[...MAKE, `LOCALVERSION=${build.suffix}`],
        ...[`-j${availableParallelism()}`, 'bzImage', 'modules'],
      ],
      {
        onLine: (line) => {
          if (/^ +[A-Z]+ /u.test(line)) files += 1
          detail(`${files} files, ${line.trim()}`)
        },
      },
    )
  })
}

/**
 * @param {Build} build
 * @param {string} partial
 * @param {(text: string) => void} detail
 */
async function install(build, partial, detail) {
  const { objects, version } = build
  const make = [...MAKE, `LOCALVERSION=${build.suffix}`]
  const run = { result: partial, onLine: detail }
  await runInBuild(build, [...make, `INSTALL_MOD_PATH=${RESULT}`, 'modules_install'], run)
  const installed = join(partial, 'lib/modules', version)
  if (!existsSync(installed)) {
    throw new VmError('preparation-failed', `the kernel does not call itself ${version}`)
  }
  await rename(installed, join(partial, 'modules'))
  await removeTree(join(partial, 'lib'))
  // Links to the sources, at places that exist only here.
  for (const link of ['build', 'source']) await rm(join(partial, 'modules', link), { force: true })
  await runInBuild(
    build,
    [
      ...make,
      `KBUILD_RUN_COMMAND=${SOURCE}/scripts/package/install-extmod-build ${RESULT}/build`,
      'run-command',
    ],
    run,
  )
  await copyFile(join(objects, '.config'), join(partial, 'build/.config'))
  await copyFile(join(objects, '.config'), join(partial, 'config'))
  await copyFile(join(objects, 'System.map'), join(partial, 'System.map'))
  await copyFile(join(objects, 'arch/x86/boot/bzImage'), join(partial, 'vmlinuz'))
}

/** Removes all but the newest kernels. */
async function prune() {
  const names = (await readdir(cachePath('kernels'))).filter((name) => !name.endsWith('.partial'))
  const kernels = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(kernelDirectory(name))).mtimeMs })),
  )
  kernels.sort((a, b) => b.time - a.time)
  for (const { name } of kernels.slice(KEPT_KERNELS)) await removeTree(kernelDirectory(name))
}
