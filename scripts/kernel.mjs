// `node scripts/kernel.mjs demo|test [HARNESS OPTIONS] [ARGUMENTS]`: the examples or the tests on a real
// Linux kernel: this machine's own where the module is loaded, otherwise one that the VM harness boots.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { hasLocalModule } from '../packages/backend-kernel/vm/local-module.mjs'
import { closingLine, parseClosingLine, stageCounts } from './closing-line.mjs'
import { root, run } from './lib.mjs'

const harness = join(root, 'packages/backend-kernel/vm/cli.mjs')
const programs = {
  demo: {
    file: 'packages/backend-kernel/kernel-test/expect-dmar.mjs',
    args: ['demo', join(root, 'packages/examples/dist/cli.js'), 'all', '--backend', 'kernel'],
  },
  // Under emulation the examples and the suite take minutes.
  test: {
    file: 'packages/backend-kernel/kernel-test/run.mjs',
    args: [],
    harness: ['--timeout', '1500'],
  },
}

const [what, ...rest] = process.argv.slice(2)
const program = Object.hasOwn(programs, what ?? '') ? programs[what] : undefined
if (!program) {
  console.error(
    `usage: node scripts/kernel.mjs ${Object.keys(programs).join('|')} [HARNESS OPTIONS] [ARGUMENTS]`,
  )
  process.exit(2)
}
const { options, own } = separate(rest)
const command = [join(root, program.file), ...program.args, ...own]

const { code, output } = hasLocalModule() ? await local() : await inVm()
if (what === 'test') {
  // A splat, or a VM that dies, is a failure whatever the tests had counted before.
  const counts = stageCounts(parseClosingLine(output), code)
  console.log(closingLine(counts))
}
process.exitCode = code

async function local() {
  console.log('the module is loaded on this machine: no VM')
  const agent = join(root, 'packages/backend-kernel/agent')
  const built = await run('make', ['-C', agent], { quiet: true })
  if (built.code !== 0) return built
  return tee(process.execPath, command, { HMM_SDK_AGENT: join(agent, 'hmm-agent') })
}

async function inVm() {
  const install = options.filter((option) => option === '--install-host-packages')
  const others = options.filter((option) => option !== '--install-host-packages')
  const kernel = others.flatMap((option, index) =>
    option === '--kernel'
      ? others.slice(index, index + 2)
      : option.startsWith('--kernel=')
        ? [option]
        : [],
  )
  const prepared = await tee(process.execPath, [harness, 'prepare', ...install, ...kernel])
  if (prepared.code !== 0) return prepared
  const arguments_ = [harness, 'run', ...(program.harness ?? []), ...others, '--', process.execPath]
  return tee(process.execPath, [...arguments_, ...command])
}

/** Runs a command with its output shown as it comes, and kept. */
function tee(name, args, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(name, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk)
      output += chunk
    })
    child.on('error', (error) => resolve({ code: 1, output: String(error) }))
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

/** Options go to the harness (all but these few take a value), words to the program. */
function separate(args) {
  const flags = [
    '--install-host-packages',
    '--keep-log',
    '--keep-loaded',
    '--no-iommu',
    '--no-edu',
    '--quiet',
  ]
  const options = []
  const own = []
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]
    if (arg === '--') continue
    if (!arg.startsWith('--')) own.push(arg)
    else if (flags.includes(arg) || arg.includes('=')) options.push(arg)
    else options.push(arg, args[++index] ?? '')
  }
  return { options, own }
}
