import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../agent', import.meta.url))

/** Whether this machine can build the agent: a C compiler and make. */
export const canBuild =
  process.platform === 'linux' &&
  ['cc', 'make'].every((tool) => spawnSync(tool, ['--version']).status === 0)

/** Builds the agent into a new folder; its path. */
export function buildAgent(): string {
  const out = mkdtempSync(join(tmpdir(), 'hmm-agent-'))
  mkdirSync(out, { recursive: true })
  const { status, stderr } = spawnSync('make', ['-C', folder, `OUT=${out}`], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`the agent does not build:\n${stderr}`)
  return join(out, 'hmm-agent')
}
