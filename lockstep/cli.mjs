// `npm run lockstep -- [--programs N] [--seed S] [--steps 40] [--kernel 7.3] [--replay FILE|JSON] [--json] ...`:
// boots a kernel with one CPU (or takes this machine's own, where the module is loaded) and runs main.mjs on it.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { hasLocalModule } from '../packages/backend-kernel/vm/local-module.mjs'
import { OPTIONS, asNumber } from './options.mjs'
import { parseProgram } from './program.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..')
const harness = join(root, 'packages/backend-kernel/vm/cli.mjs')
/** Seconds that one program may take on average, under emulation on a busy machine. */
const PROGRAM_SECONDS = 3

const HARNESS = {
  kernel: { type: 'string' },
  timeout: { type: 'string' },
  'kernel-argument': { type: 'string', multiple: true },
  'install-host-packages': { type: 'boolean', default: false },
}

const { values } = parse()
if (values.replay !== undefined && existsSync(values.replay))
  values.replay = readFileSync(values.replay, 'utf8').trim()
try {
  if (values.replay !== undefined) parseProgram(values.replay)
  asNumber('programs', values.programs)
} catch (error) {
  usage(error.message)
}

const main = [process.execPath, join(here, 'main.mjs'), ...words(OPTIONS)]
process.exitCode = values['sim-only'] || hasLocalModule() ? await local() : await inVm()

async function local() {
  const agent = join(root, 'packages/backend-kernel/agent')
  if (!values['sim-only'] && (await run(['make', '-C', agent])) !== 0) return 1
  return run(main, { HMM_SDK_AGENT: join(agent, 'hmm-agent') })
}

async function inVm() {
  const kernel = values.kernel === undefined ? [] : ['--kernel', values.kernel]
  const install = values['install-host-packages'] ? ['--install-host-packages'] : []
  const prepared = await run([
    process.execPath,
    harness,
    'prepare',
    '--quiet',
    ...install,
    ...kernel,
  ])
  if (prepared !== 0) return prepared
  const timeout =
    values.timeout ?? String(300 + PROGRAM_SECONDS * asNumber('programs', values.programs))
  const extra = (values['kernel-argument'] ?? []).flatMap((word) => ['--kernel-argument', word])
  return run([
    process.execPath,
    harness,
    'run',
    '--cpus',
    '1',
    '--no-edu',
    '--timeout',
    timeout,
    ...kernel,
    ...extra,
    '--',
    ...main,
  ])
}

function run([command, ...args], env = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    child.on('error', (error) => {
      console.error(error.message)
      resolve(1)
    })
    child.on('close', (code) => resolve(code ?? 1))
  })
}

/** The options as words again. */
function words(known) {
  return Object.keys(known).flatMap((name) =>
    values[name] === undefined || values[name] === false
      ? []
      : values[name] === true
        ? [`--${name}`]
        : [`--${name}`, values[name]],
  )
}

function parse() {
  try {
    return parseArgs({ options: { ...OPTIONS, ...HARNESS }, strict: true })
  } catch (error) {
    return usage(error.message)
  }
}

function usage(message) {
  console.error(
    `${message}\noptions: ${Object.keys({ ...OPTIONS, ...HARNESS })
      .map((name) => `--${name}`)
      .join(' ')}`,
  )
  process.exit(2)
}
