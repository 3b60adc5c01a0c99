// `npm run kernels [-- --results DIR]`: runs the suite and the examples on every supported kernel, keeps what came
// out in docs/kernels.json and makes the support matrix docs/kernels.md of it. With `--results`, of a run that was
// made before, by `npm run test:kernel -- --kernel all --results DIR`.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KERNELS } from '../packages/backend-kernel/vm/kernels.mjs'
import { formatFile, supportMatrix } from './kernels-table.mjs'
import { root, run } from './lib.mjs'

const SUPPORTED = KERNELS.map(({ name }) => name).filter((name) => name !== 'debug')
const STAGES = ['conformance', 'conformance-coherent', 'conformance-edu', 'examples']
const json = join(root, 'docs/kernels.json')
const markdown = join(root, 'docs/kernels.md')

const [option, given, ...others] = process.argv.slice(2)
if (others.length > 0 || (option !== undefined && (option !== '--results' || !given))) {
  console.error('usage: npm run kernels [-- --results DIR]')
  process.exit(2)
}

const folder = given ?? mkdtempSync(join(tmpdir(), 'hmm-kernels-'))
try {
  if (given === undefined) await runStages()
  const results = SUPPORTED.map((name) => resultOf(join(folder, name), name))
  writeFileSync(json, await formatFile(json, JSON.stringify(results)))
  writeFileSync(markdown, await formatFile(markdown, supportMatrix(results)))
  console.log('wrote docs/kernels.json and docs/kernels.md')
} finally {
  if (given === undefined) rmSync(folder, { recursive: true })
}

async function runStages() {
  const program = join(root, 'scripts/kernel.mjs')
  const options = ['test', '--kernel', 'all', '--results', folder]
  const { code } = await run(process.execPath, [program, ...options, ...STAGES])
  if (code !== 0)
    throw new Error('a support matrix is made of runs without a failure: nothing written')
}

/** What the stages left in the folder of one kernel. */
function resultOf(folder, name) {
  const read = (stage) => JSON.parse(readFileSync(join(folder, `${stage}.json`), 'utf8'))
  const { kernel, ...software } = read('conformance')
  // Memory of a device is of one kind; where there can be the other one, another run had it.
  if (existsSync(join(folder, 'conformance-coherent.json'))) {
    const name = 'memory.coherent'
    software.capabilities[name] = read('conformance-coherent').capabilities[name]
  }
  const { kernel: _, ...pci } = read('conformance-edu')
  return { name, version: kernel, software, pci, examples: read('examples') }
}
