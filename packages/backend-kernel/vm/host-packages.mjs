import { accessSync, constants, existsSync, openSync, readSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { runProcess, toolEnvironment } from './run-process.mjs'
import { VmError } from './vm-error.mjs'
import { withLock } from './with-lock.mjs'

// Seconds to wait for somebody else's apt: machines that just started often update themselves.
const APT = ['-o', 'DPkg::Lock::Timeout=600']

/** @typedef {{ need: string, package: string, present: () => boolean }} Need */

/**
 * What the host must have, and the Debian package that brings it.
 *
 * @type {readonly Need[]}
 */
const NEEDS = [
  command('qemu-system-x86_64', 'qemu-system-x86'),
  { need: 'busybox (static)', package: 'busybox-static', present: hasStaticBusybox },
  command('cpio', 'cpio'),
  command('mmdebstrap', 'mmdebstrap'),
  {
    need: 'debian-archive-keyring',
    package: 'debian-archive-keyring',
    present: () => existsSync('/usr/share/keyrings/debian-archive-keyring.gpg'),
  },
  command('modprobe', 'kmod'),
  command('xz', 'xz-utils'),
  command('gzip', 'gzip'),
  command('flock', 'util-linux'),
  command('setpriv', 'util-linux'),
  command('unshare', 'util-linux'),
]

/**
 * @param {string} name
 * @param {string} from
 */
function command(name, from) {
  return { need: name, package: from, present: () => findCommand(name) !== undefined }
}

/**
 * @param {string} name
 * @returns {string | undefined} The path of the program.
 */
export function findCommand(name) {
  for (const folder of toolEnvironment().PATH.split(':')) {
    if (folder === '') continue
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  return undefined
}

/** A dynamic busybox does not run in an initramfs that has no libraries. */
function hasStaticBusybox() {
  const path = findCommand('busybox')
  if (path === undefined) return false
  const head = Buffer.alloc(4096)
  const file = openSync(path, 'r')
  try {
    readSync(file, head, 0, head.length, 0)
  } finally {
    closeSync(file)
  }
  return !head.includes('ld-linux')
}

/**
 * @param {readonly Need[]} [needs]
 * @returns {{ missing: string[], packages: string[], installCommand: string }}
 */
export function missingHostPackages(needs = NEEDS) {
  const missing = needs.filter((need) => !need.present())
  const packages = [...new Set(missing.map((need) => need.package))]
  return {
    missing: missing.map((need) => need.need),
    packages,
    installCommand: `apt-get update && apt-get install --no-install-recommends -y ${packages.join(' ')}`,
  }
}

/**
 * Throws one message that names everything that is missing, or installs it when asked to.
 *
 * @param {{ install: boolean, progress: import('./progress.mjs').Progress }} options
 */
export async function ensureHostPackages({ install, progress }) {
  const { missing, installCommand } = missingHostPackages()
  if (process.getuid?.() !== 0) {
    throw new VmError(
      'host-unsuitable',
      'the VM harness must run as root: it makes a Debian root with its own owners and mounts',
    )
  }
  if (missing.length === 0) return
  if (!install) {
    throw new VmError(
      'host-unsuitable',
      `missing on this machine: ${missing.join(', ')}\n` +
        `install them as root: ${installCommand}\n` +
        'or let the harness do it: --install-host-packages',
    )
  }
  await installHostPackages({ progress })
  const still = missingHostPackages().missing
  if (still.length > 0) {
    throw new VmError(
      'host-unsuitable',
      `still missing after the installation: ${still.join(', ')}`,
    )
  }
}

/**
 * Installs what is missing. Several kernels are prepared at once, and all of them need the same
 * packages: one run installs, the others wait for it.
 *
 * @param {{ progress: import('./progress.mjs').Progress, needs?: readonly Need[] }} options
 */
export function installHostPackages({ progress, needs = NEEDS }) {
  return withLock(
    'host-packages',
    async () => {
      const { packages } = missingHostPackages(needs)
      if (packages.length === 0) return
      await progress.step(`installing ${packages.join(' ')}`, async (detail) => {
        const install = ['install', '--no-install-recommends', '-y', ...packages]
        await runProcess('apt-get', [...APT, 'update'], { onLine: detail })
        await runProcess('apt-get', [...APT, ...install], { onLine: detail })
      })
    },
    () => {
      progress.note('waiting for another run that installs the host packages')
    },
  )
}
