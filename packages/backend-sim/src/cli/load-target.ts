import { stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { isAbsolute, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ExploreOptions, Scenario } from '../explore/index.js'

/** What a module exports to be explored: a scenario, or one with its options. */
export type ExploreTarget =
  | Scenario
  | ({ readonly scenario: Scenario } & Pick<
      ExploreOptions,
      | 'name'
      | 'simulation'
      | 'devices'
      | 'strategies'
      | 'mode'
      | 'maxSteps'
      | 'lostUpdates'
      | 'budget'
    >)

/** A scenario with the options it brings along. */
export interface LoadedTarget {
  readonly scenario: Scenario
  readonly options: Omit<ExploreOptions, 'onProgress' | 'shard'>
}

/**
 * Loads `file.ts#name`, `package/subpath#name` or `URL#name`; without `#name` the default export.
 * Relative paths begin in `folder`. Errors say what is missing, and what the module does export.
 */
export async function loadTarget(target: string, folder: string): Promise<LoadedTarget> {
  const hash = target.lastIndexOf('#')
  const specifier = hash < 0 ? target : target.slice(0, hash)
  const name = hash < 0 ? 'default' : target.slice(hash + 1)
  const module = await importModule(await locate(specifier, folder))
  const exported = module[name]
  if (typeof exported === 'function') {
    return { scenario: exported as Scenario, options: { name } }
  }
  if (isRecord(exported) && typeof exported['scenario'] === 'function') {
    const { scenario, ...options } = exported as unknown as Exclude<ExploreTarget, Scenario>
    return { scenario, options: { name, ...options } }
  }
  const others = Object.keys(module).sort().join(', ') || 'nothing'
  throw new TypeError(
    `'${specifier}' has no scenario '${name}'; it exports ${others}. ` +
      'A scenario is a function, or { scenario, devices, ... }; name it as FILE#NAME.',
  )
}

/** The URL of a module: of a file, of an installed package, or as it is. */
async function locate(specifier: string, folder: string): Promise<string> {
  if (/^(file|data):/.test(specifier)) return specifier
  if (/^[a-z]+:\/\//.test(specifier)) {
    throw new TypeError(
      `'${specifier}': only file: and data: URLs can be loaded; download it first`,
    )
  }
  const path = isAbsolute(specifier) ? specifier : resolve(folder, specifier)
  if (await isFile(path)) return pathToFileURL(path).href
  if (!/^\.{0,2}\//.test(specifier)) {
    try {
      const require = createRequire(join(folder, 'package.json'))
      return pathToFileURL(require.resolve(specifier)).href
    } catch {
      // Said below.
    }
  }
  throw new TypeError(`'${specifier}' is neither a file in ${folder} nor an installed package`)
}

async function importModule(url: string): Promise<Record<string, unknown>> {
  if (!/\.[cm]?ts$/.test(url)) return (await import(url)) as Record<string, unknown>
  // Node 20 runs no TypeScript by itself.
  const { createJiti } = await import('jiti')
  return createJiti(import.meta.url).import(url)
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
