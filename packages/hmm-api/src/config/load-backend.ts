import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { HmmConfig } from '../config-types.js'
import { HmmError } from '../error/hmm-error.js'
import type { OpenBackendOptions } from '../objects/open-backend.js'
import type { CreateBackend, RawBackend } from '../raw/raw-backend.js'
import { checkApiVersion } from '../version.js'
import { loadConfig } from './load-config.js'

const PACKAGES: Readonly<Record<string, string>> = {
  sim: '@hmm-sdk/backend-sim',
  kernel: '@hmm-sdk/backend-kernel',
}

/** Finds the config, chooses the backend (argument > HMM_BACKEND > file > sim) and creates it. */
export async function loadBackend(
  options: OpenBackendOptions,
): Promise<{ raw: RawBackend; config: HmmConfig }> {
  const { config, path } = await loadConfig(options.config)
  const [name, chosenBy] = choose(options.backend as string | undefined, config, path)
  const packageName = PACKAGES[name] ?? name
  const module = await importBackend(name, packageName, chosenBy, path)
  if (typeof module.createBackend !== 'function') {
    throw new HmmError('EINVAL', {
      op: 'openBackend',
      message: `package ${packageName} is not a backend: it exports no createBackend`,
      hint: `Chosen by ${chosenBy}. Use sim, kernel, or the package name of a backend.`,
    })
  }
  if (module.apiVersion !== undefined) checkApiVersion({ name, apiVersion: module.apiVersion })
  const own = (config as Record<string, unknown>)[name] ?? config.backends?.[name]
  return { raw: await module.createBackend(own ?? {}), config }
}

function choose(
  argument: string | undefined,
  config: HmmConfig,
  path: string | undefined,
): [name: string, chosenBy: string] {
  if (argument !== undefined) return [argument, 'the backend argument']
  const environment = process.env['HMM_BACKEND']
  if (environment !== undefined && environment !== '') return [environment, 'HMM_BACKEND']
  if (config.backend !== undefined) return [config.backend, path ?? 'the config']
  return ['sim', 'default']
}

async function importBackend(
  name: string,
  packageName: string,
  chosenBy: string,
  configPath: string | undefined,
): Promise<{ createBackend?: CreateBackend; apiVersion?: string }> {
  const file = resolvePackage(packageName, configPath)
  if (file === undefined) {
    const isName = /^(@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*$/.test(packageName)
    throw new HmmError('ENOENT', {
      op: 'openBackend',
      message: `backend '${name}' (chosen by ${chosenBy}) is not installed: no package ${packageName}`,
      hint: isName
        ? `npm install ${packageName}   (built in names: ${Object.keys(PACKAGES).join(', ')})`
        : `Use one of ${Object.keys(PACKAGES).join(', ')}, or the package name of a backend.`,
    })
  }
  return (await import(file)) as { createBackend?: CreateBackend; apiVersion?: string }
}

/** URL of the package's entry, as seen from the config file, the working folder, or from here. */
function resolvePackage(packageName: string, configPath: string | undefined): string | undefined {
  const folders = [
    ...(configPath === undefined ? [] : [dirname(configPath)]),
    process.cwd(),
    dirname(fileURLToPath(import.meta.url)),
  ]
  for (const folder of folders) {
    try {
      return pathToFileURL(createRequire(join(folder, 'from.js')).resolve(packageName)).href
    } catch (error) {
      if (
        !['MODULE_NOT_FOUND', 'ERR_INVALID_MODULE_SPECIFIER'].includes(
          (error as NodeJS.ErrnoException).code ?? '',
        )
      ) {
        throw error
      }
    }
  }
  return undefined
}
