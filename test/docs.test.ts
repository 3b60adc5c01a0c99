import { readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { transform } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { filesBelow, run, runTool } from '../scripts/lib.mjs'
import { docBlocks } from '../scripts/doc-blocks.mjs'
import { packed } from './packed.js'
import { write } from './project.js'

// The blocks of the docs are as scripts/doc-blocks.mjs says. All files of a document are written into one
// folder of a project in which the packed packages are installed, and each one that an output or `run`
// names is run.
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
  const all = blocks(document)
  const files = all.flatMap((block) => (block.file ? [{ ...block, file: block.file }] : []))
  const outputs = all.flatMap((block) => (block.output ? [{ ...block, output: block.output }] : []))

  test('runs, and prints what it says', { timeout: 120_000 }, async () => {
    const folder = await mkdtemp(join(packed().project, 'docs-'))
    for (const { file, code } of files) await write(folder, file, code)
    for (const { file } of files.filter(({ file }) => file.endsWith('.ts'))) {
      const path = join(folder, file)
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
        ].concat('--typeRoots', join(root, 'node_modules/@types'), path),
        { quiet: true },
      )
      expect(checked.output).toBe('')
      const { code } = await transform(readFileSync(path, 'utf8'), {
        loader: 'ts',
        target: 'node20',
      })
      await write(folder, file.replace(/ts$/, 'mjs'), code)
    }
    for (const { file } of files.filter((block) => block.run)) {
      const script = file.replace(/ts$/, 'mjs')
      const { code, output } = await run(process.execPath, [script], { cwd: folder, quiet: true })
      expect({ script, code, output }).toMatchObject({ code: 0 })
    }
    for (const { output, exit, code: expected } of outputs) {
      const result = await run(process.execPath, [output], { cwd: folder, quiet: true })
      expect(result.output.slice(0, expected.length)).toBe(expected)
      expect(result.code).toBe(exit)
    }
  })
})
