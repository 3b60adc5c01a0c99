import { build } from './build.mjs'
import { hasModuleSource, packageFolders } from './package-folders.mjs'
import { VmError } from './vm-error.mjs'

export const MODULE_NAME = 'hmm_sdk'

/** Where the build sees the headers of a kernel that is not installed in the root. */
const HEADERS = '/kernel-headers'

/**
 * sparse 0.6.4 does not know the newest words of kernel headers. For a check of types these stand-ins
 * are as good: the unqualified type loses nothing that is looked at, and the length of a string is only
 * asked for in assertions about literals.
 */
const SPARSE = `#!/bin/sh
exec sparse -D__typeof_unqual__=__typeof__ '-D__builtin_strlen(s)=(sizeof(s)-1)' "$@"
`

/** What dkms does: lays out the tree that it is given, and runs the command of dkms.conf in it. */
const DKMS = `set -e
kernel_source_dir=$1
shift
make -s -C module dkms-tree DEST=/build/dkms
cd dkms
. ./dkms.conf
eval "\${MAKE[0]}" '"$@"'
`

/**
 * Builds the kernel module for one kernel, in the way of a user who has dkms. With `check`, sparse looks at every file and any warning fails.
 *
 * @param {import('./kernels.mjs').Kernel} kernel
 * @param {{
 *   progress: import('./progress.mjs').Progress,
 *   check?: boolean,
 * }} options
 * @returns {Promise<import('./build.mjs').BuildResult>}
 */
export async function buildModule(kernel, { progress, check = false }) {
  if (!hasModuleSource()) throw new VmError('build-failed', 'there is no module/Kbuild to build')
  // KBUILD_CHECKSRC instead of C=2: header packages lack the script that C=2 asks whether sparse works.
  const checks = check ? ['KBUILD_CHECKSRC=2', 'CHECK=/build/check-sparse'] : []
  const headers = kernel.build === undefined ? `/lib/modules/${kernel.version}/build` : HEADERS
  return build({
    title: `${check ? 'checking' : 'building'} the module for ${kernel.version}`,
    root: kernel.root,
    ...(kernel.build === undefined ? {} : { mounts: [{ source: kernel.build, target: HEADERS }] }),
    place: `modules/${kernel.version}`,
    folders: packageFolders('module', 'uapi'),
    command: ['bash', '-c', DKMS, 'dkms', headers, 'W=1', ...checks],
    scripts: check ? { 'check-sparse': SPARSE } : {},
    product: `dkms/module/${MODULE_NAME}.ko`,
    check,
    progress,
  })
}
