import { existsSync } from 'node:fs'
import { cacheDirectory, cachePath, readJson } from './cache.mjs'
import { debianMirror } from './debian-mirror.mjs'
import { missingHostPackages } from './host-packages.mjs'
import { KERNELS } from './kernels.mjs'
import { hasLocalModule } from './local-module.mjs'
import { rootDirectory } from './root.mjs'
import { VmError } from './vm-error.mjs'

/**
 * @typedef {object} Check
 * @property {string} title
 * @property {boolean} ok
 * @property {boolean} needed Without it nothing runs; the others are made when they are needed.
 * @property {string} hint
 */

/**
 * Looks at the machine and the cache, and changes nothing.
 *
 * @returns {Promise<{ ok: boolean, checks: Check[] }>}
 */
export async function doctor() {
  const { missing, installCommand } = missingHostPackages()
  const mirror = findMirror()
  const accelerator = /** @type {{ answer?: string } | undefined} */ (
    await readJson(cachePath('accelerator.json'))
  )
  const kernels = await Promise.all(
    KERNELS.map(async ({ name, note, ready }) => {
      const version = await ready()
      return {
        title: `kernel ${name} (${note})`,
        ok: version !== undefined,
        needed: false,
        hint: version ?? `made by: cli.mjs prepare --kernel ${name}`,
      }
    }),
  )
  /** @type {Check[]} */
  const checks = [
    {
      title: 'runs as root',
      ok: process.getuid?.() === 0,
      needed: true,
      hint: process.getuid?.() === 0 ? '' : 'mounts and the Debian root need it',
    },
    {
      title: 'host packages',
      ok: missing.length === 0,
      needed: true,
      hint: missing.length === 0 ? '' : `missing ${missing.join(', ')}; as root: ${installCommand}`,
    },
    { title: 'Debian mirror', ok: mirror.ok, needed: true, hint: mirror.hint },
    {
      title: 'Debian root',
      ok: existsSync(rootDirectory()),
      needed: false,
      hint: existsSync(rootDirectory()) ? rootDirectory() : 'made by: cli.mjs prepare',
    },
    ...kernels,
    {
      title: 'accelerator',
      ok: true,
      needed: false,
      hint: accelerator?.answer ?? (existsSync('/dev/kvm') ? 'tried at the first run' : 'tcg'),
    },
    {
      title: 'module in this machine’s own kernel',
      ok: true,
      needed: false,
      hint: hasLocalModule() ? 'loaded: no VM is needed' : 'not loaded: the VM is used',
    },
    { title: 'cache', ok: true, needed: false, hint: cacheDirectory() },
  ]
  return { ok: checks.every((check) => check.ok || !check.needed), checks }
}

function findMirror() {
  try {
    return { ok: true, hint: debianMirror() }
  } catch (error) {
    if (error instanceof VmError) return { ok: false, hint: error.message }
    throw error
  }
}
