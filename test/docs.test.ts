import { readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { transform } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { filesBelow, run, runTool } from '../scripts/lib.mjs'
import { packed } from './packed.js'
import { write } from './project.js'

// A code block of the docs is a file: ```js file=NAME. Blocks ```text output=NAME hold how the output
// of that file begins. All files of a document are written into one folder of a project in which the
// packed packages are installed, and each one that an output or `run` names is run.
const root = join(import.meta.dirname, '..')
const documents = [join(root, 'README.md'), ...filesBelow(join(root, 'docs'))]
  .filter((path) => path.endsWith('.md'))
  .map((path) => relative(root, path))
const blocks = (document: string) =>
  [...readFileSync(join(root, document), 'utf8').matchAll(/^```(\w+)?(.*)\n([^]*?)^```$/gm)].map(
    ([, language = '', info = '', code = '']) => ({ language, info: info.trim(), code }),
  )

test.each(documents)('every code block of %s is a file that is tested', (document) => {
  const untested = blocks(document).filter(
    ({ language, info }) =>
      /^(js|ts|mjs|javascript|typescript)$/.test(language) && !info.startsWith('file='),
  )
  expect(untested).toEqual([])
})

describe.each(documents.filter((document) => blocks(document).some(({ info }) => info !== '')))(
  '%s',
  (document) => {
    const all = blocks(document)
    const files = all.filter(({ info }) => info.startsWith('file='))
    const name = (info: string) => /(?:file|output)=(\S+)/.exec(info)?.[1] ?? ''

    test('runs, and prints what it says', { timeout: 120_000 }, async () => {
      const folder = await mkdtemp(join(packed().project, 'docs-'))
      for (const { info, code } of files) await write(folder, name(info), code)
      for (const { info } of files.filter(({ info }) => name(info).endsWith('.ts'))) {
        const path = join(folder, name(info))
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
        await write(folder, name(info).replace(/ts$/, 'mjs'), code)
      }
      for (const { info } of files.filter(({ info }) => / run\b/.test(info))) {
        const file = name(info).replace(/ts$/, 'mjs')
        const { code, output } = await run(process.execPath, [file], { cwd: folder, quiet: true })
        expect({ file, code, output }).toMatchObject({ code: 0 })
      }
      for (const { info, code: expected } of all.filter(({ info }) => info.startsWith('output='))) {
        const result = await run(process.execPath, [name(info)], { cwd: folder, quiet: true })
        expect(result.output.slice(0, expected.length)).toBe(expected)
        expect(result.code).toBe(0)
      }
    })
  },
)
