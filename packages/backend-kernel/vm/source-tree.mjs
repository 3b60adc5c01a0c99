import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** What a build by hand may have left between the sources. */
const LEFTOVERS =
  /^(?:node_modules|modules\.order|Module\.symvers|\..*|.*\.(?:o|a|ko|mod|mod\.c|cmd|log|dwo))$/u

/** @param {string} path */
function isSource(path) {
  return !LEFTOVERS.test(basename(path))
}

/**
 * @param {string} folder
 * @returns {Promise<string[]>} Paths relative to the folder, in a fixed order.
 */
async function sourceFiles(folder) {
  /** @type {string[]} */
  const found = []
  /** @param {string} relative */
  const visit = async (relative) => {
    const entries = await readdir(join(folder, relative), { withFileTypes: true })
    for (const entry of entries) {
      if (!isSource(entry.name)) continue
      const path = join(relative, entry.name)
      if (entry.isDirectory()) await visit(path)
      else found.push(path)
    }
  }
  await visit('')
  return found.sort()
}

/**
 * A key of the sources' names and contents.
 *
 * @param {readonly string[]} folders
 * @param {readonly string[]} ingredients Whatever else decides what comes out of the build.
 */
export async function hashSources(folders, ingredients) {
  const hash = createHash('sha256').update(JSON.stringify(ingredients))
  for (const folder of folders) {
    for (const file of await sourceFiles(folder)) {
      const content = await readFile(join(folder, file))
      hash.update(`\0${basename(folder)}/${file}\0${content.length}\0`).update(content)
    }
  }
  return hash.digest('hex').slice(0, 16)
}

/**
 * Copies the sources side by side into `target`, so that relative includes between them hold.
 *
 * @param {readonly string[]} folders
 * @param {string} target
 */
export async function copySources(folders, target) {
  for (const folder of folders) {
    const to = join(target, basename(folder))
    await mkdir(to, { recursive: true })
    await cp(folder, to, {
      recursive: true,
      filter: (path) => path === folder || isSource(path),
    })
  }
}
