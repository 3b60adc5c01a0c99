import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { HmmError } from '@hmm-sdk/hmm-api'
import { packageFolder } from './package-folder.js'

/** How to build the agent where it is looked for last. */
export const BUILD_AGENT = `make -C ${join(packageFolder, 'agent')}`

/** Finds the agent: the option, then HMM_SDK_AGENT, then beside its sources. ENOENT otherwise. */
export function findAgent(option: string | undefined): string {
  const [path, from] = candidate(option)
  try {
    accessSync(path, constants.X_OK)
  } catch (cause) {
    throw new HmmError('ENOENT', {
      message: `the agent ${path} (from ${from}) is not there, or not executable`,
      hint: `Build it with: ${BUILD_AGENT}   (or set HMM_SDK_AGENT to where it is)`,
      cause,
    })
  }
  return path
}

function candidate(option: string | undefined): [path: string, from: string] {
  if (option !== undefined) return [option, 'the option agent']
  const environment = process.env['HMM_SDK_AGENT']
  if (environment !== undefined && environment !== '') return [environment, 'HMM_SDK_AGENT']
  return [join(packageFolder, 'agent', 'hmm-agent'), 'the package']
}
