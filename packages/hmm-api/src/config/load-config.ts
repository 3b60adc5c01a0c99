import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { HmmConfig } from '../config-types.js'
import { checkDeviceConfigs } from '../config-devices.js'
import { HmmError } from '../error/hmm-error.js'

const NAMES = ['hmm.config.ts', 'hmm.config.mjs', 'hmm.config.json']

/** A checked config and where it came from. */
export interface LoadedConfig {
  readonly config: HmmConfig
  /** The file, or undefined if there is none. */
  readonly path: string | undefined
}

/** The nearest `hmm.config.{ts,mjs,json}` in `folder` or above it. */
export function findConfig(folder: string): string | undefined {
  for (let at = resolve(folder); ; at = dirname(at)) {
    for (const name of NAMES) if (existsSync(join(at, name))) return join(at, name)
    if (at === dirname(at)) return undefined
  }
}

/**
 * Loads and checks a config file, or checks a config given as an object.
 * Errors: ENOENT (no such file), EINVAL (syntax, unknown key, wrong type), each naming the file.
 */
export async function loadConfig(
  source: HmmConfig | string | false | undefined,
  folder: string = process.cwd(),
): Promise<LoadedConfig> {
  if (source === false) return { config: {}, path: undefined }
  if (typeof source === 'object') return { config: await check(source, 'config'), path: undefined }
  const path = source === undefined ? findConfig(folder) : resolve(folder, source)
  if (path === undefined) return { config: {}, path }
  if (!existsSync(path)) {
    throw new HmmError('ENOENT', { op: 'openBackend', message: `there is no config file ${path}` })
  }
  return { config: await check(await read(path), path), path }
}

async function read(path: string): Promise<unknown> {
  try {
    if (path.endsWith('.json')) return JSON.parse(await readFile(path, 'utf8')) as unknown
    if (path.endsWith('.mjs')) return defaultOf(await import(pathToFileURL(path).href))
    const { createJiti } = await import('jiti')
    return defaultOf(await createJiti(pathToFileURL(path).href).import(path))
  } catch (cause) {
    throw new HmmError('EINVAL', {
      op: 'openBackend',
      message: `config file ${path} cannot be read: ${(cause as Error).message}`,
      hint: 'It is a module with the config as its default export, or a JSON object.',
      cause,
    })
  }
}

function defaultOf(module: unknown): unknown {
  return (module as { default?: unknown }).default ?? module
}

async function check(value: unknown, where: string): Promise<HmmConfig> {
  const { configSchema } = await import('./config-schema.js')
  const result = configSchema.safeParse(value)
  const problems = (result.error?.issues ?? []).map(
    (issue) => `${issue.path.length === 0 ? '' : `${issue.path.join('.')}: `}${issue.message}`,
  )
  try {
    checkDeviceConfigs(result.data?.devices)
  } catch (error) {
    problems.push((error as Error).message)
  }
  if (problems.length === 0) return result.data as HmmConfig
  throw new HmmError('EINVAL', {
    op: 'openBackend',
    message: `${where}: ${problems.join('; ')}`,
    hint: 'Known keys: backend, devices, sim, kernel, backends (options by package name).',
  })
}
