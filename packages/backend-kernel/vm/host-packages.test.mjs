import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { installHostPackages } from './host-packages.mjs'
import { Progress } from './progress.mjs'

/** @type {string} */
let folder

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hmm-vm-host-'))
  vi.stubEnv('HMM_SDK_CACHE', join(folder, 'cache'))
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`)
  // Like apt-get, it refuses to run twice at once.
  writeFileSync(
    join(folder, 'apt-get'),
    `#!/bin/sh
mkdir "${folder}/lock" || exit 100
echo "$@" >> "${folder}/calls"
case "$*" in *install*) touch "${folder}/tool" ;; esac
rmdir "${folder}/lock"
`,
  )
  chmodSync(join(folder, 'apt-get'), 0o755)
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, { recursive: true })
})

it('runs that start together install the packages once', async () => {
  const needs = [
    { need: 'tool', package: 'tool-package', present: () => existsSync(join(folder, 'tool')) },
  ]
  const progress = new Progress({ quiet: true })
  await Promise.all([1, 2, 3, 4].map(() => installHostPackages({ progress, needs })))
  const calls = readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n')
  expect(calls.map((call) => call.replace(/^-o \S+ /, ''))).toEqual([
    'update',
    'install --no-install-recommends -y tool-package',
  ])
})
