import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { packages, root, run } from '../scripts/lib.mjs'
import { PNPM } from '../scripts/setup.mjs'
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
  await succeed(process.execPath, ['scripts/with-setup.mjs', 'build'], root)
  const pack = ['--yes', PNPM, 'pack', '--pack-destination', folder]
  await Promise.all(packages.map((name) => succeed('npx', pack, join(root, 'packages', name))))
  const files = await readdir(folder)
  const tarballs = Object.fromEntries(
    packages.map((name) => [
      name,
      join(
        folder,
        files.find((file) => file.includes(`-${name}-`))!,
      ),
    ]),
  )
  const project = await createProject(join(folder, 'npm'), tarballs)
  const { code, output } = await installWith('npm', project)
  if (code !== 0) throw new Error(`npm install failed:\n${output}`)
  return { tarballs, project }
}

async function succeed(command: string, args: string[], cwd: string) {
  const { code, output } = await run(command, args, { cwd, quiet: true })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${output}`)
}
