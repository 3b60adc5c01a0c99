import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { root, runTool } from './lib.mjs'

test('the parts that run in browsers may not import Node modules; the config loader may', async () => {
  const files = {
    'packages/hmm-api/src/device.ts': false,
    'packages/hmm-api/src/raw/index.ts': false,
    'packages/backend-sim/src/vma/split.ts': false,
    'packages/hmm-api/src/config/load.ts': true,
    'packages/backend-kernel/src/index.ts': true,
  }
  const folder = await mkdtemp(join(tmpdir(), 'hmm-sdk-lint-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const config = JSON.parse(await readFile(join(root, '.oxlintrc.json'), 'utf8'))
  // Types need an installed project, and this rule does not need types.
  await writeFile(join(folder, '.oxlintrc.json'), JSON.stringify({ ...config, options: {} }))
  for (const file of Object.keys(files)) {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), `export { readFileSync } from 'node:fs'\n`)
  }

  const { output } = await runTool('oxlint', ['--format=unix'], { quiet: true, cwd: folder })
  for (const [file, allowed] of Object.entries(files)) {
    expect(output.includes(`${file}:1:1: 'node:fs' import is restricted`), file).toBe(!allowed)
  }
})
