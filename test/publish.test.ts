import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { publint } from 'publint'
import { describe, expect, test } from 'vitest'
import { packed } from './packed.js'
import { packages, runTool } from '../scripts/lib.mjs'

describe.each(packages)('@hmm-sdk/%s', (name) => {
  test('publint finds nothing', async () => {
    const file = await readFile(packed().tarballs[name]!)
    const tarball = new Uint8Array(file).buffer
    const { messages } = await publint({ pack: { tarball }, strict: true })
    expect(messages).toEqual([])
  })

  test('attw finds nothing', async () => {
    const { code, output } = await runTool(
      '@arethetypeswrong/cli',
      ['--profile', 'esm-only', '--no-color', packed().tarballs[name]!],
      { quiet: true },
    )
    expect(code, output).toBe(0)
  })

  test('runs nothing when it is installed', async () => {
    const folder = join(packed().project, 'node_modules/@hmm-sdk', name)
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    expect(manifest).not.toHaveProperty('scripts')
    // npm would run node-gyp for it, unasked.
    const files = await readdir(folder, { recursive: true })
    expect(files.filter((file) => file.endsWith('binding.gyp'))).toEqual([])
  })

  test('ships its licence, its sources, and nothing of its build', async () => {
    const folder = join(packed().project, 'node_modules/@hmm-sdk', name)
    const files = await readdir(folder, { recursive: true })
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'src/index.ts', 'dist/index.d.ts']))
    expect(files.filter((file) => /\.(tsbuildinfo|o|ko)$|(^|\/)tsconfig/.test(file))).toEqual([])
  })
})
