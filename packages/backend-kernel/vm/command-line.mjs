import { parseArgs } from 'node:util'
import { ensureHostPackages } from './host-packages.mjs'
import { DEFAULT_KERNEL } from './kernels.mjs'
import { Progress } from './progress.mjs'
import { VmError } from './vm-error.mjs'

/** Options that every command has. */
export const COMMON_OPTIONS = /** @type {const} */ ({
  kernel: { type: 'string', default: DEFAULT_KERNEL },
  json: { type: 'boolean', default: false },
  quiet: { type: 'boolean', default: false },
  'install-host-packages': { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
})

/**
 * Options only, and no unknown ones.
 *
 * @template {NonNullable<import('node:util').ParseArgsConfig['options']>} T
 * @param {readonly string[]} args
 * @param {T} options
 */
export function parseOptions(args, options) {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    throw new VmError('usage', error instanceof Error ? error.message : String(error))
  }
}

/**
 * Makes sure that the host has what the harness needs.
 *
 * @param {{ quiet?: boolean | undefined, 'install-host-packages'?: boolean | undefined }} values
 */
export async function begin(values) {
  const progress = new Progress({ quiet: values.quiet === true })
  await ensureHostPackages({ install: values['install-host-packages'] === true, progress })
  return progress
}

/**
 * The result of a command, on standard output.
 *
 * @param {boolean | undefined} json
 * @param {unknown} value
 * @param {string} text
 */
export function print(json, value, text) {
  process.stdout.write(`${json === true ? JSON.stringify(value) : text}\n`)
}

/**
 * A failure, on standard error.
 *
 * @param {string} name
 * @param {string} message
 */
export function reportFailure(name, message) {
  process.stderr.write(`hmm-vm: ${name}: ${message}\n`)
}
