import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the package that this harness belongs to. */
export const PACKAGE_FOLDER = dirname(dirname(fileURLToPath(import.meta.url)))

/**
 * @param {...string} names
 * @returns {string[]} Those of the package's folders that exist.
 */
export function packageFolders(...names) {
  return names.map((name) => join(PACKAGE_FOLDER, name)).filter((path) => existsSync(path))
}

/** Whether there is a kernel module to build. */
export function hasModuleSource() {
  return existsSync(join(PACKAGE_FOLDER, 'module', 'Kbuild'))
}

/** Whether there is a guest agent to build. */
export function hasAgentSource() {
  return existsSync(join(PACKAGE_FOLDER, 'agent', 'Makefile'))
}
