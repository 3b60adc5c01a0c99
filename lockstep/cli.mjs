// `npm run lockstep -- [--programs N] [--seed S] [--steps 40] [--kernel 7.3] [--replay FILE|JSON] [--json] ...`:
// boots a kernel with one CPU (or takes this machine's own, where the module is loaded) and runs main.mjs on it.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { release } from 'node:os'
import { cachePath } from '../packages/backend-kernel/vm/cache.mjs'
import { hasLocalModule } from '../packages/backend-kernel/vm/local-module.mjs'
import { writeExpectations } from './expect.mjs'
import { OPTIONS, asNumber, whichPrograms } from './options.mjs'
import { profileOf } from './profile.mjs'
import { parseProgram } from './program.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '..')
const harness = join(root, 'packages/backend-kernel/vm/cli.mjs')
/** Seconds that one program may take on average, under emulation on a busy machine. */
const PROGRAM_SECONDS = 2

// An emulated processor pays for every page of code that is written. For one program interpreting is faster;
// for many it is code that is made once, by the one thread that there is a processor for, and kept.
const INTERPRETING = ['--jitless', '--no-expose-wasm']
const COMPILING = ['--single-threaded', '--no-flush-bytecode']

/** What an emulated kernel would do often, and no program can tell. */
const LESS_WORK = [
  // Setting its timer again and again, each time a word with the emulator's other thread.
  ...['nohz=off', 'highres=off'],
  // Guarding its own accesses to user memory, and one more level of page tables.
  ...['nosmap', 'no5lvl'],
]

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
  whichPrograms(values)
} catch (error) {
  usage(error.message)
}

const isLocal = values['sim-only'] || hasLocalModule()
if (!values['sim-only'] && values.replay === undefined) {
  await mkdir(cachePath('lockstep'), { recursive: true })
  values.expected = cachePath('lockstep', `seed-${values.seed}-${process.pid}.jsonl`)
}
try {
  process.exitCode = isLocal ? await local() : await inVm()
} finally {
  if (values.expected !== undefined) await rm(values.expected, { force: true })
}

/** `flags`: of node. */
function main(...flags) {
  return [process.execPath, ...flags, join(here, 'main.mjs'), ...words(OPTIONS)]
}

/** The simulation's side of the run, where it is fastest: here. */
async function expectations(kernel) {
  if (values.expected === undefined) return
  const started = performance.now()
  await writeExpectations(values.expected, {
    ...whichPrograms(values),
    profile: profileOf(kernel, whichPrograms(values)),
  })
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.error(`lockstep: ${values.programs} programs on the simulation, ${seconds} s`)
}

async function local() {
  const agent = join(root, 'packages/backend-kernel/agent')
  if (!values['sim-only'] && (await run(['make', '-C', agent])) !== 0) return 1
  await expectations(release())
  return run(main(), { HMM_SDK_AGENT: join(agent, 'hmm-agent') })
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
  await expectations(values.kernel ?? '7.3')
  const timeout =
    values.timeout ?? String(300 + PROGRAM_SECONDS * asNumber('programs', values.programs))
  const kernelWords = [...LESS_WORK, ...(values['kernel-argument'] ?? [])]
  const extra = kernelWords.flatMap((word) => ['--kernel-argument', word])
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
    ...main(...(values.replay === undefined ? COMPILING : INTERPRETING)),
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
