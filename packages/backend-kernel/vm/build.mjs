import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cachePath, publishDirectory, readJson, removeTree } from './cache.mjs'
import { compilerWarnings } from './compiler-warnings.mjs'
import { runInRoot } from './run-in-root.mjs'
import { copySources, hashSources } from './source-tree.mjs'
import { VmError } from './vm-error.mjs'
import { withLock } from './with-lock.mjs'

/**
 * @typedef {object} BuildRecipe
 * @property {string} title
 * @property {string} root The root whose tools build.
 * @property {readonly import('./run-in-root.mjs').Mount[]} [mounts] More of the host that the build needs.
 * @property {string} place A folder in the cache, for what this recipe makes.
 * @property {readonly string[]} folders Sources; they appear below /build under their own names.
 * @property {readonly string[]} command
 * @property {string} product Path of the product below /build.
 * @property {readonly string[]} [ingredients] What decides the product besides sources and command.
 * @property {Readonly<Record<string, string>>} [scripts] Executables put into /build, by name.
 * @property {boolean} [check] Any warning is a failure.
 * @property {import('./progress.mjs').Progress} progress
 *
 * @typedef {object} BuildResult
 * @property {string} path The product, in the cache.
 * @property {string[]} warnings
 * @property {string} log
 * @property {boolean} cached It was there already.
 */

const LOG = 'build.log'
const RESULT = 'result.json'
const KEPT = 12

/**
 * Builds inside the root, from a copy of the sources, unless the same sources were built before.
 *
 * @param {BuildRecipe} recipe
 * @returns {Promise<BuildResult>}
 */
export async function build(recipe) {
  const check = recipe.check === true
  const ingredients = [
    ...recipe.command,
    ...(recipe.ingredients ?? []),
    JSON.stringify(recipe.scripts ?? {}),
    check ? 'check' : 'plain',
  ]
  const key = await hashSources(recipe.folders, ingredients)
  const target = cachePath(recipe.place, key)
  const cached = existsSync(target)
  if (!cached) {
    await withLock(`build-${key}`, async () => {
      if (existsSync(target)) return
      await recipe.progress.step(recipe.title, (detail) =>
        publishDirectory(target, (partial) => make(recipe, partial, detail)),
      )
      await prune(dirname(target))
    })
  }
  const result = /** @type {{ file: string, warnings: string[] }} */ (
    await readJson(join(target, RESULT))
  )
  const log = join(target, LOG)
  if (result.warnings.length > 0) {
    recipe.progress.note(
      `${recipe.title}: ${result.warnings.length} warnings\n${result.warnings.join('\n')}`,
    )
    if (check) {
      throw new VmError(
        'build-failed',
        `${recipe.title}: ${result.warnings.length} warnings, and none is allowed (log: ${log})`,
        { output: result.warnings.join('\n') },
      )
    }
  }
  return { path: join(target, result.file), warnings: result.warnings, log, cached }
}

/**
 * @param {BuildRecipe} recipe
 * @param {string} partial
 * @param {(text: string) => void} detail
 */
async function make(recipe, partial, detail) {
  const work = join(partial, 'work')
  await copySources(recipe.folders, work)
  for (const [name, text] of Object.entries(recipe.scripts ?? {})) {
    await writeFile(join(work, name), text)
    await chmod(join(work, name), 0o755)
  }
  const { exitCode, output } = await runInRoot({
    root: recipe.root,
    command: recipe.command,
    mounts: [{ source: work, target: '/build' }, ...(recipe.mounts ?? [])],
    cwd: '/build',
    onLine: detail,
    allowFailure: true,
  })
  const product = join(work, recipe.product)
  if (exitCode !== 0 || !existsSync(product)) {
    const failedLog = cachePath(recipe.place, 'failed.log')
    await mkdir(dirname(failedLog), { recursive: true })
    await writeFile(failedLog, output)
    const reason = exitCode === 0 ? `no ${recipe.product} came out` : `exit code ${exitCode}`
    throw new VmError(
      'build-failed',
      `${recipe.title}: ${reason}\n${output}\n(log: ${failedLog})`,
      { output },
    )
  }
  const file = recipe.product.split('/').at(-1) ?? recipe.product
  await copyFile(product, join(partial, file))
  if ((await stat(product)).mode & 0o100) await chmod(join(partial, file), 0o755)
  await writeFile(join(partial, LOG), `${output}\n`)
  await writeFile(
    join(partial, RESULT),
    JSON.stringify({ file, warnings: compilerWarnings(output) }),
  )
  await removeTree(work)
}

/**
 * Removes all but the newest builds.
 *
 * @param {string} folder
 */
async function prune(folder) {
  const entries = await readdir(folder, { withFileTypes: true })
  const builds = await Promise.all(
    entries
      .filter((entry) => entry.isDirectory() && !entry.name.endsWith('.partial'))
      .map(async ({ name }) => ({ name, time: (await stat(join(folder, name))).mtimeMs })),
  )
  builds.sort((a, b) => b.time - a.time)
  for (const { name } of builds.slice(KEPT)) {
    await rm(join(folder, name), { recursive: true, force: true })
  }
}
