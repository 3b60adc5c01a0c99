import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { contained } from './contained.mjs'
import { runProcess } from './run-process.mjs'

/**
 * @typedef {object} Mount
 * @property {string} source A directory of the host.
 * @property {string} target Where the command sees it, an absolute path.
 *
 * @typedef {object} RunInRootOptions
 * @property {string} root
 * @property {readonly string[]} command
 * @property {readonly Mount[]} [mounts]
 * @property {string} [cwd] A path inside the root.
 * @property {Record<string, string>} [env] Added to a small fixed environment.
 * @property {(line: string) => void} [onLine]
 * @property {boolean} [allowFailure]
 */

// $1: the root, $2: the directory inside, $3: how many mounts; then source and target of each mount;
// then the command.
const SCRIPT = `set -e
root=$1 cwd=$2 mounts=$3
shift 3
mount -t proc proc "$root/proc"
while [ "$mounts" -gt 0 ]; do
  mount --bind "$1" "$root$2"
  shift 2
  mounts=$((mounts - 1))
done
exec chroot "$root" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$cwd" "$@"
`

/**
 * Runs a command inside the Debian root. /proc and the mounts live in a mount namespace of the command's
 * own: they are gone with it, however it ends, and so are its processes.
 *
 * @param {RunInRootOptions} options
 */
export async function runInRoot(options) {
  const mounts = options.mounts ?? []
  for (const mount of mounts) await mkdir(join(options.root, mount.target), { recursive: true })
  const { program, args } = contained([
    ...['sh', '-c', SCRIPT, 'sh', options.root, options.cwd ?? '/', String(mounts.length)],
    ...mounts.flatMap((mount) => [mount.source, mount.target]),
    ...options.command,
  ])
  return runProcess(program, args, {
    env: {
      ...proxyVariables(),
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      LC_ALL: 'C.UTF-8',
      DEBIAN_FRONTEND: 'noninteractive',
      ...options.env,
    },
    ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
    ...(options.allowFailure === undefined ? {} : { allowFailure: options.allowFailure }),
  })
}

function proxyVariables() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(?:https?|no)_proxy$/iu.test(name)),
  )
}
