// `npm run kernels`: runs the suite and the examples on every supported kernel, keeps what came out in
// docs/kernels.json and makes the support matrix docs/kernels.md of it. `-- --write`: only the latter.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KERNELS } from '../packages/backend-kernel/vm/kernels.mjs'
import { formatFile, supportMatrix } from './kernels-table.mjs'
import { root, run } from './lib.mjs'

const STAGES = ['conformance', 'conformance-edu', 'examples']
const json = join(root, 'docs/kernels.json')
const markdown = join(root, 'docs/kernels.md')

const [option, ...others] = process.argv.slice(2)
if (others.length > 0 || ![undefined, '--write'].includes(option)) {
  console.error('usage: npm run kernels [-- --write]')
  process.exit(2)
}

if (option === undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'hmm-kernels-'))
  const { code } = await run(process.execPath, [
    ...[join(root, 'scripts/kernel.mjs'), 'test', '--kernel', 'all', '--results', folder],
    ...STAGES,
  ])
  const kernels = KERNELS.map(({ name }) => name).filter((name) => name !== 'debug')
  if (code === 0) {
    const results = kernels.map((name) => resultOf(join(folder, name), name))
    writeFileSync(json, await formatFile(json, JSON.stringify(results)))
  }
  rmSync(folder, { recursive: true })
  if (code !== 0) {
    console.error('docs/kernels.json is as it was: a matrix is made of runs without a failure')
    process.exit(code)
  }
}
const results = JSON.parse(readFileSync(json, 'utf8'))
writeFileSync(markdown, await formatFile(markdown, supportMatrix(results)))
console.log('wrote docs/kernels.md')

/** What the stages left in the folder of one kernel. */
function resultOf(folder, name) {
  const read = (stage) => JSON.parse(readFileSync(join(folder, `${stage}.json`), 'utf8'))
  const { kernel, ...software } = read('conformance')
  const { kernel: _, ...pci } = read('conformance-edu')
  return { name, version: kernel, software, pci, examples: read('examples') }
}
