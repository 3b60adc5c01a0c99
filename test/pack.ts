import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { pack } from '../scripts/pack.mjs'
import { createProject, installWith } from './project.js'

/** Where the packed packages are: their tarballs by name without the scope, and a project that has them. */
export interface Packed {
  tarballs: Record<string, string>
  project: string
}

declare module 'vitest' {
  interface ProvidedContext {
    packed: Packed | { failure: string }
  }
}

/** Builds and packs all packages once, and installs them in one project, for all tests of this folder. */
export default async function setup({ provide }: TestProject) {
  const folder = await mkdtemp(join(tmpdir(), 'hmm-sdk-packed-'))
  try {
    provide('packed', await packInto(folder))
  } catch (error) {
    // The other tests have a right to run: those that need the packages fail with this.
    provide('packed', { failure: String(error) })
  }
  return () => rm(folder, { recursive: true, force: true })
}

async function packInto(folder: string): Promise<Packed> {
  const tarballs = await pack(folder)
  const project = await createProject(join(folder, 'npm'), tarballs)
  const { code, output } = await installWith('npm', project)
  if (code !== 0) throw new Error(`npm install failed:\n${output}`)
  return { tarballs, project }
}
