// Brings a clone to the state where everything runs: dependencies installed, packages built. Each step
// runs only if what it depends on has changed since it last succeeded, so a second run is silent.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { contentStamp, packages, readStamp, root, run, runTool, step, writeStamp } from './lib.mjs'

export const PNPM = 'pnpm@10.34.8'

export async function install() {
  const stamp = contentStamp([
    'package.json',
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    ...packages.map((name) => `packages/${name}/package.json`),
  ])
  if (readStamp('install') === stamp && existsSync(join(root, 'node_modules/.modules.yaml'))) return
  await step(`installing dependencies with ${PNPM}`, () =>
    run('npx', ['--yes', PNPM, 'install', '--frozen-lockfile', '--prefer-offline'], {
      quiet: true,
      env: { CI: 'true' },
    }),
  )
  writeStamp('install', stamp)
}

/** JavaScript into packages/<name>/dist: all that running needs. */
export async function buildJavaScript() {
  const stamps = new Map()
  for (const name of packages) {
    const folder = `packages/${name}`
    const stamp = contentStamp([`${folder}/src`, `${folder}/tsup.config.ts`, 'tsup.base.ts'])
    const built = existsSync(join(root, folder, 'dist/index.js'))
    if (!built || readStamp(`build-${name}`) !== stamp) stamps.set(name, stamp)
  }
  if (stamps.size === 0) return
  await step(`building ${[...stamps.keys()].join(', ')}`, () => buildPackages([...stamps.keys()]))
  for (const [name, stamp] of stamps) writeStamp(`build-${name}`, stamp)
}

async function buildPackages(names) {
  const builds = await Promise.all(
    names.map((name) => runTool('tsup', [], { quiet: true, cwd: join(root, 'packages', name) })),
  )
  return builds.find(({ code }) => code !== 0) ?? { code: 0 }
}

/** Declarations into packages/<name>/dist, which checks the packages' types. */
export async function buildDeclarations() {
  const projects = packages.map((name) => `packages/${name}`)
  await step('building declarations', () =>
    runTool('typescript', ['-b', ...projects], { quiet: true }),
  )
}

/** Options say how much the caller needs, beyond the dependencies. */
export async function setup({ javaScript = false, declarations = false } = {}) {
  await install()
  if (javaScript) await buildJavaScript()
  if (declarations) await buildDeclarations()
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await setup({ javaScript: true, declarations: true })
}
