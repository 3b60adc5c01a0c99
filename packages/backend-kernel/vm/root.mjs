import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { cachePath, publishDirectory } from './cache.mjs'
import { contained } from './contained.mjs'
import { debianMirror } from './debian-mirror.mjs'
import { runProcess } from './run-process.mjs'
import { withLock } from './with-lock.mjs'

const SUITE = 'trixie'

/** Compiler and tools for the module, the agent, and a kernel that is built from source. */
const PACKAGES = [
  'bc',
  'binutils',
  'bison',
  'ca-certificates',
  'debian-archive-keyring',
  'flex',
  'gcc',
  'gcc-14',
  'kmod',
  'libc6-dev',
  'libelf-dev',
  'libssl-dev',
  'make',
  'perl',
  'sparse',
  'xz-utils',
]

// Kernels of trixie-backports need the linux-base of trixie-backports.
const PREFERENCES = `Package: linux-*
Pin: release n=${SUITE}-backports
Pin-Priority: 500
`

const APT_OPTIONS = ['Acquire::Languages "none"', 'APT::Install-Recommends "false"']

const DPKG_OPTIONS = [
  'path-exclude=/usr/share/doc/*',
  'path-exclude=/usr/share/man/*',
  'path-exclude=/usr/share/locale/*',
]

/** The place of the root; another definition is another root. */
export function rootDirectory() {
  const definition = JSON.stringify([SUITE, PACKAGES, PREFERENCES, APT_OPTIONS, DPKG_OPTIONS])
  const key = createHash('sha256').update(definition).digest('hex').slice(0, 8)
  return cachePath(`root-${SUITE}-${key}`)
}

/**
 * Makes the Debian root that compiles modules and that kernels come from, unless it is there.
 *
 * @param {{ progress: import('./progress.mjs').Progress }} options
 * @returns {Promise<string>} Its directory.
 */
export async function ensureRoot({ progress }) {
  const root = rootDirectory()
  if (existsSync(root)) return root
  return withLock(
    'root',
    async () => {
      if (existsSync(root)) return root
      const mirror = debianMirror()
      await progress.step(`making the Debian ${SUITE} root`, (detail) =>
        publishDirectory(root, (partial) => bootstrap(partial, mirror, detail)),
      )
      return root
    },
    () => {
      progress.note('waiting for another run that prepares the root')
    },
  )
}

/**
 * @param {string} target
 * @param {string} mirror
 * @param {(text: string) => void} detail
 */
async function bootstrap(target, mirror, detail) {
  await mkdir(target, { recursive: true })
  const sources = [SUITE, `${SUITE}-backports`].map((suite) => `deb ${mirror} ${suite} main`)
  const preferences = `printf '%s' '${PREFERENCES}' > "$1/etc/apt/preferences.d/kernels"`
  const { program, args } = contained([
    'mmdebstrap',
    '--mode=root',
    '--variant=apt',
    '--architectures=amd64',
    `--include=${PACKAGES.join(',')}`,
    ...APT_OPTIONS.map((option) => `--aptopt=${option}`),
    ...DPKG_OPTIONS.map((option) => `--dpkgopt=${option}`),
    `--setup-hook=mkdir -p "$1/etc/apt/preferences.d" && ${preferences}`,
    // The package lists stay: kernels are looked up and added later.
    '--skip=cleanup/apt/lists',
    SUITE,
    target,
    ...sources,
  ])
  await runProcess(program, args, { onLine: detail })
}
