import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { VmError } from './vm-error.mjs'

/** @param {string} path */
function moduleName(path) {
  return basename(path.trim())
    .replace(/\.ko(?:\.[a-z0-9]+)?$/u, '')
    .replaceAll('-', '_')
}

/**
 * The files of the named modules and of all they depend on, dependencies first. Modules that are built
 * into the kernel are left out.
 *
 * @param {string} folder A /lib/modules/VERSION.
 * @param {readonly string[]} names
 * @returns {Promise<string[]>} Paths relative to the folder.
 */
export async function modulesInLoadOrder(folder, names) {
  /** @type {Map<string, { path: string, needs: string[] }>} */
  const known = new Map()
  for (const line of (await readFile(join(folder, 'modules.dep'), 'utf8')).split('\n')) {
    const [path, needs] = line.split(':')
    if (path === undefined || needs === undefined) continue
    const needed = needs.split(' ').filter((need) => need !== '')
    known.set(moduleName(path), { path, needs: needed.map(moduleName) })
  }
  const builtin = await readFile(join(folder, 'modules.builtin'), 'utf8')
  const builtins = new Set(builtin.split('\n').map(moduleName))
  /** @type {Set<string>} */
  const order = new Set()
  /** @param {string} name */
  const visit = (name) => {
    const module = known.get(name)
    if (module === undefined) {
      if (builtins.has(name)) return
      throw new VmError('preparation-failed', `${folder} has no module ${name}`)
    }
    if (order.has(module.path)) return
    // modules.dep lists the whole chain, the nearest first.
    for (const need of module.needs) visit(need)
    order.add(module.path)
  }
  for (const name of names) visit(moduleName(name))
  return [...order]
}
