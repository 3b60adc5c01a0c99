// `node scripts/kernel.mjs demo|test [HARNESS OPTIONS] [ARGUMENTS]`: the examples or the tests on a real
// Linux kernel: this machine's own where the module is loaded, otherwise one that the VM harness boots.
// `--kernel all` takes every supported kernel, as many at a time as there are processors.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { DEFAULT_KERNEL, KERNELS } from '../packages/backend-kernel/vm/kernels.mjs'
import { hasLocalModule } from '../packages/backend-kernel/vm/local-module.mjs'
import { closingLine, parseClosingLine, stageCounts, sum } from './closing-line.mjs'
import { root, run } from './lib.mjs'

const harness = join(root, 'packages/backend-kernel/vm/cli.mjs')
const programs = {
  demo: {
    file: 'packages/backend-kernel/kernel-test/expect-dmar.mjs',
    args: ['demo', join(root, 'packages/examples/dist/cli.js'), 'all', '--backend', 'kernel'],
  },
  test: { file: 'packages/backend-kernel/kernel-test/run.mjs', args: [] },
}
/** Seconds for one kernel: under emulation the suite takes minutes, and more with every check switched on. */
const LIMIT = 1500
const LIMIT_DEBUG = 6 * LIMIT

/** What stands between device and memory in other machines, or in others ways of booting one. */
const MACHINES = {
  swiotlb: {
    title: 'swiotlb=force',
    harness: ['--kernel-argument', 'swiotlb=force'],
  },
  // The kernel lets the host bridge of a Zen processor pass requests between peers. Interrupts are lines.
  peers: {
    title: 'a switch, peers and interrupt lines',
    harness: [
      ...['--qemu-argument=-cpu', '--qemu-argument=max,family=23'],
      ...['--kernel-argument', 'pci=nomsi'],
      ...['--device', 'pcie-root-port,id=root,chassis=1'],
      ...['--device', 'x3130-upstream,id=up,bus=root'],
      ...['--device', 'xio3130-downstream,id=one,bus=up,chassis=2'],
      ...['--device', 'xio3130-downstream,id=two,bus=up,chassis=3'],
      ...['--device', 'edu,dma_mask=0xffffffffff,bus=one'],
      ...['--qemu-argument=-object', '--qemu-argument=memory-backend-ram,id=peer2,size=4M'],
      ...['--device', 'ivshmem-plain,memdev=peer2,bus=two'],
    ],
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

const results = []
if (hasLocalModule()) {
  results.push(await local())
} else {
  const kernels = kernelsOf(take('--kernel') ?? DEFAULT_KERNEL)
  const folder = take('--results')
  const several = kernels.length > 1
  const jobs = kernels.map((kernel) => ({
    title: kernel,
    boot: () => inVm(kernel, { results: folder && join(folder, several ? kernel : ''), several }),
  }))
  if (what === 'test' && own.length === 0 && kernels.includes(DEFAULT_KERNEL)) {
    for (const [name, { title, harness }] of Object.entries(MACHINES)) {
      const results = folder && join(folder, name)
      const prefix = `${DEFAULT_KERNEL} ${name}`
      const stages = ['dma-shapes']
      jobs.push({
        title: `${DEFAULT_KERNEL} with ${title}`,
        boot: () => inVm(DEFAULT_KERNEL, { harness, stages, results, several, prefix }),
      })
    }
  }
  // A VM keeps one processor busy.
  const workers = several ? Math.min(availableParallelism(), 4) : 1
  await Promise.all(Array.from({ length: workers }, work))

  async function work() {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      console.log(`=== kernel ${job.title}`)
      const result = await job.boot()
      results.push(result)
      console.log(`=== kernel ${job.title}: ${closingLine(countsOf(result))}`)
    }
  }
}
if (what === 'test') console.log(closingLine(sum(results.map(countsOf))))
process.exitCode = results.find(({ code }) => code !== 0)?.code ?? 0

/** A splat, or a VM that dies, is a failure whatever the tests had counted before. */
function countsOf({ code, output }) {
  return stageCounts(parseClosingLine(output), code)
}

function kernelsOf(name) {
  // The debug kernel is built at its first use, for many minutes: by its name only.
  if (name !== 'all') return [name]
  return KERNELS.map((kernel) => kernel.name).filter((each) => each !== 'debug')
}

/** The value of an option, which is taken away from those of the harness. */
function take(option) {
  const index = options.findIndex((each) => each === option || each.startsWith(`${option}=`))
  if (index === -1) return undefined
  const [given] = options.splice(index, 1)
  return given === option ? options.splice(index, 1)[0] : given.slice(option.length + 1)
}

async function local() {
  console.log('the module is loaded on this machine: no VM')
  const agent = join(root, 'packages/backend-kernel/agent')
  const built = await run('make', ['-C', agent], { quiet: true })
  if (built.code !== 0) return built
  return tee(process.execPath, command, { env: { HMM_SDK_AGENT: join(agent, 'hmm-agent') } })
}

/** `several`: others may run beside it, so each line says which kernel it is of. */
async function inVm(
  kernel,
  { results, several = false, harness: more = [], stages = [], prefix = kernel },
) {
  const install = options.filter((option) => option === '--install-host-packages')
  const others = options.filter((option) => option !== '--install-host-packages')
  const show = several ? `${prefix}: ` : ''
  const prepare = [harness, 'prepare', ...install, '--kernel', kernel]
  const prepared = await tee(process.execPath, prepare, { show })
  if (prepared.code !== 0) return prepared
  const limit = kernel === 'debug' ? LIMIT_DEBUG : LIMIT
  const limits = ['--timeout', String(limit), '--kernel', kernel]
  if (results) limits.push('--results', results)
  const run = [harness, 'run', ...limits, ...others, ...more, '--']
  return tee(process.execPath, [...run, process.execPath, ...command, ...stages], { show })
}

/** Runs a command with its output shown as it comes, after `show` on each line, and kept. */
function tee(name, args, { env = {}, show = '' } = {}) {
  return new Promise((resolve) => {
    const child = spawn(name, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    let rest = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()
      for (const line of lines) console.log(show + line)
    })
    child.on('error', (error) => resolve({ code: 1, output: String(error) }))
    child.on('close', (code) => {
      if (rest !== '') console.log(show + rest)
      resolve({ code: code ?? 1, output })
    })
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
