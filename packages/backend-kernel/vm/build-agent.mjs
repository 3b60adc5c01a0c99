import { build } from './build.mjs'
import { hasAgentSource, packageFolders } from './package-folders.mjs'
import { ensureRoot } from './root.mjs'
import { VmError } from './vm-error.mjs'

/**
 * Builds the program that runs in the mirrored process, linked statically: `make` in agent/ makes
 * `hmm-agent`. EXTRA_CFLAGS carries the warnings that are on; with `check` any of them fails.
 *
 * @param {{ progress: import('./progress.mjs').Progress, check?: boolean }} options
 * @returns {Promise<import('./build.mjs').BuildResult>}
 */
export async function buildAgent({ progress, check = false }) {
  if (!hasAgentSource()) throw new VmError('build-failed', 'there is no agent/Makefile to build')
  return build({
    title: `${check ? 'checking' : 'building'} the guest agent`,
    root: await ensureRoot({ progress }),
    place: 'agents',
    folders: packageFolders('agent', 'uapi'),
    command: ['make', '-C', '/build/agent', 'CC=gcc-14', 'EXTRA_CFLAGS=-Wall -Wextra'],
    product: 'agent/hmm-agent',
    check,
    progress,
  })
}
