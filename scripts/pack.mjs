import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { packages, root, run } from './lib.mjs'
import { PNPM } from './setup.mjs'

/** Builds and packs the packages into `folder`: their tarballs by name without the scope. */
export async function pack(folder, names = packages) {
  await succeed(process.execPath, ['scripts/with-setup.mjs', 'build'], root)
  const args = ['--yes', PNPM, 'pack', '--pack-destination', folder]
  await Promise.all(names.map((name) => succeed('npx', args, join(root, 'packages', name))))
  const files = await readdir(folder)
  return Object.fromEntries(
    names.map((name) => [
      name,
      join(
        folder,
        files.find((file) => file.includes(`-${name}-`)),
      ),
    ]),
  )
}

async function succeed(command, args, cwd) {
  const { code, output } = await run(command, args, { cwd, quiet: true })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${output}`)
}
