import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { transform } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { filesBelow, run, runTool } from '../scripts/lib.mjs'
import { docBlocks } from '../scripts/doc-blocks.mjs'
import { packed } from './packed.js'
import { write } from './project.js'

// The blocks of the docs are as scripts/doc-blocks.mjs says. The files of a document are written into one
// folder of a project in which the packed packages are installed, in their order, as a reader would; each
// one that an output or `run` names is run at that place.
// DOCS_UPDATE=1 writes the outputs of now into the documents, to be looked at before they are committed.
const update = process.env.DOCS_UPDATE === '1'
const root = join(import.meta.dirname, '..')
const documents = [join(root, 'README.md'), ...filesBelow(join(root, 'docs'))]
  .filter((path) => path.endsWith('.md'))
  .map((path) => relative(root, path))
const blocks = (document: string) => docBlocks(readFileSync(join(root, document), 'utf8'))

test.each(documents)('every code block of %s is a file that is tested', (document) => {
  const untested = blocks(document).filter(
    ({ language, file }) =>
      /^(js|ts|mjs|javascript|typescript)$/.test(language) && file === undefined,
  )
  expect(untested).toEqual([])
})

describe.each(
  documents.filter((document) => blocks(document).some(({ file }) => file !== undefined)),
)('%s', (document) => {
  test('runs, and prints what it says', { timeout: 120_000 }, async () => {
    const folder = await mkdtemp(join(packed().project, 'docs-'))
    for (const block of blocks(document)) {
      if (block.file !== undefined) await writeSource(folder, block.file, block.code)
      const script = block.output ?? (block.run ? block.file : undefined)
      if (script === undefined) continue
      const command = [script.replace(/ts$/, 'mjs')]
      const { code, output } = await run(process.execPath, command, { cwd: folder, quiet: true })
      if (update && block.output !== undefined) updateOutput(document, block.code, output)
      const expected = block.output === undefined || update ? '' : block.code
      expect({ script, code, output: output.slice(0, expected.length) || output }).toEqual({
        script,
        code: block.exit,
        output: expected || output,
      })
    }
  })
})

/** Puts the output of now into the document. */
function updateOutput(document: string, old: string, output: string) {
  const path = join(root, document)
  const text = readFileSync(path, 'utf8')
  writeFileSync(
    path,
    text.replace('\n' + old + '```', () => `\n${output.trimEnd()}\n` + '```'),
  )
}

/** Writes a file of a document; a TypeScript file is checked, and written as JavaScript too. */
async function writeSource(folder: string, file: string, source: string) {
  await write(folder, file, source)
  if (!file.endsWith('.ts')) return
  const checked = await runTool(
    'typescript',
    [
      '--noEmit',
      '--strict',
      '--target',
      'ES2022',
      '--module',
      'NodeNext',
      '--types',
      'node',
    ].concat('--typeRoots', join(root, 'node_modules/@types'), join(folder, file)),
    { quiet: true },
  )
  expect(checked.output).toBe('')
  const { code } = await transform(source, { loader: 'ts', target: 'node20' })
  await write(folder, file.replace(/ts$/, 'mjs'), code)
}
