import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

const ENTRY = `
  import { after, describe, it } from 'node:test'
  import { openBackend } from '@hmm-sdk/hmm-api'
  import { conformance } from '@hmm-sdk/hmm-api/conformance'
  import { createBackend } from '@hmm-sdk/backend-sim'
  const open = () => openBackend({ backend: createBackend, config: false })
  conformance({ describe, it, afterAll: after, open, isolation: 'space', only: 'capability' })
`

// One call is all that another runner needs: here Node's own.
it('runs on node:test', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hmm-node-test-'))
  try {
    const outfile = join(folder, 'conformance.test.mjs')
    await build({
      stdin: { contents: ENTRY, resolveDir: import.meta.dirname },
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      conditions: ['@hmm-sdk/source'],
      external: ['@hmm-sdk/hmm-api/config'],
    })
    const options = ['--test', '--test-reporter=tap', outfile]
    const { stdout } = await promisify(execFile)(process.execPath, options)
    expect(stdout).toMatch(/ok \d+ - error-identity/)
    expect(stdout).toMatch(/ok \d+ - without-space.fork # SKIP !space.fork: /)
    expect(stdout).toMatch(/# fail 0/)
  } finally {
    await rm(folder, { recursive: true })
  }
})
