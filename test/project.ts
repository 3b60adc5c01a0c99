import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../scripts/lib.mjs'

const fixtures = join(import.meta.dirname, 'fixtures')

/** Makes `folder` an otherwise empty project that depends on the packed packages, and returns it. */
export async function createProject(folder: string, tarballs: Record<string, string>) {
  await mkdir(folder)
  const dependencies = Object.fromEntries(
    Object.entries(tarballs).map(([name, path]) => [`@hmm-sdk/${name}`, `file:${path}`]),
  )
  await write(folder, 'package.json', {
    name: 'consumer',
    private: true,
    type: 'module',
    dependencies,
  })
  // Not on a registry yet: pnpm has to be told that the packages' own dependencies are these files too.
  const overrides = Object.entries(dependencies).map(([name, path]) => `  '${name}': '${path}'\n`)
  await writeFile(join(folder, 'pnpm-workspace.yaml'), `overrides:\n${overrides.join('')}`)
  return folder
}

/** Installs as a user would: scripts allowed, nobody there to answer a prompt. `client` is for npx. */
export function installWith(client: string, folder: string) {
  return client === 'npm'
    ? command('npm', ['install', '--no-audit', '--no-fund'], folder)
    : command('npx', ['--yes', client, 'install', '--no-frozen-lockfile'], folder)
}

/** Copies a fixture into the folder and runs it with Node there; loading any native code is an error. */
export async function runFixture(
  folder: string,
  fixture: string,
  { args = [], env = {} }: { args?: readonly string[]; env?: Record<string, string> } = {},
) {
  await copyFile(join(fixtures, fixture), join(folder, fixture))
  const hook = join(fixtures, 'no-native.cjs')
  return command(process.execPath, ['--require', hook, fixture, ...args], folder, env)
}

/** Runs a command of an installed package, as npx does. */
export const runBin = (folder: string, name: string, args: readonly string[]) =>
  command(join(folder, 'node_modules/.bin', name), [...args], folder)

export const write = (folder: string, file: string, content: unknown) =>
  writeFile(join(folder, file), typeof content === 'string' ? content : JSON.stringify(content))

/** What npm and vitest put into the environment would reach the project's own npm: only the rest is passed. */
function command(name: string, args: string[], cwd: string, env: Record<string, string> = {}) {
  const inherited = Object.keys(process.env).filter((key) =>
    /^(npm_(package|lifecycle|command|execpath|config_local_prefix)|NODE_ENV|NODE_PATH|VITEST|HMM_)/.test(
      key,
    ),
  )
  const cleared = Object.fromEntries(inherited.map((key) => [key, undefined]))
  return run(name, args, { cwd, quiet: true, env: { ...cleared, ...env } })
}
