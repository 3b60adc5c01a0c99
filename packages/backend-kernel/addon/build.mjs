// Builds the addon: `node addon/build.mjs [--output FILE]`. Needs gcc and the headers of Node-API, from Node's
// own installation or from the package `node-api-headers`; no node-gyp. What it writes is committed,
// with a stamp of the sources, so that nobody compiles anything at install.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const addon = dirname(fileURLToPath(import.meta.url))
export const prebuilt = join(
  addon,
  '../prebuilds',
  `${process.platform}-${process.arch}`,
  'hmm_sdk.node',
)
/** The oldest glibc that the binary may ask for: that of Node 20. */
export const BASELINE = [2, 28]

/** Hash of everything that goes into the binary. */
export function sourceStamp() {
  const hash = createHash('sha256')
  for (const name of readdirSync(addon).sort()) {
    if (!/\.[ch]$/.test(name)) continue
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(addon, name)))
      .update('\0')
  }
  return hash.digest('hex')
}

/** The glibc versions that a binary asks for, newest first, such as `[[2, 28], [2, 14]]`. */
export function glibcVersions(binary) {
  const names = new Set(readFileSync(binary, 'latin1').match(/GLIBC_\d+\.\d+/g) ?? [])
  return [...names]
    .map((name) => name.slice('GLIBC_'.length).split('.').map(Number))
    .sort(([a, b], [c, d]) => c - a || d - b)
}

function headers() {
  const own = join(dirname(dirname(process.execPath)), 'include', 'node')
  if (existsSync(join(own, 'node_api.h'))) return own
  try {
    return createRequire(import.meta.url)('node-api-headers').include_dir
  } catch {
    throw new Error(
      `no Node-API headers in ${own}: npm install --no-save node-api-headers@1.9.0, then run this again`,
    )
  }
}

export function build(output) {
  mkdirSync(dirname(output), { recursive: true })
  const sources = readdirSync(addon).filter((name) => name.endsWith('.c'))
  const { status, error } = spawnSync(
    process.env.CC ?? 'gcc',
    [
      ...['-std=gnu11', '-O2', '-fPIC', '-shared', '-pthread', '-fvisibility=hidden'],
      ...['-Wall', '-Wextra', '-Werror', '-s', '-Wl,--build-id=none'],
      // Its threads outlive the environment that loaded it: never unmapped.
      ...['-Wl,-z,nodelete', '-Wl,-z,defs,--unresolved-symbols=ignore-in-object-files'],
      ...['-isystem', headers(), '-o', output],
      ...sources.sort(),
    ],
    { cwd: addon, stdio: 'inherit' },
  )
  if (error) throw error
  if (status !== 0) throw new Error(`gcc ended with ${status}`)
  const [newest] = glibcVersions(output)
  if (newest[0] > BASELINE[0] || newest[1] > BASELINE[1]) {
    throw new Error(`the binary asks for glibc ${newest.join('.')}: see addon/glibc-baseline.h`)
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--output')
  const output = at < 0 ? prebuilt : resolve(process.argv[at + 1])
  build(output)
  if (at < 0) writeFileSync(`${output}.stamp`, `${sourceStamp()}\n`)
  console.log(`${output}: glibc ${glibcVersions(output)[0].join('.')}`)
}
