import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { packed } from './packed.js'
import { createProject, installWith, runBin, runFixture } from './project.js'

// npm installs once for all tests, in pack.ts.
test.each(['pnpm@10.34.8', 'pnpm@12.21.0'])(
  '%s installs without asking, and a driver runs',
  async (client) => {
    const { tarballs, project: npmProject } = packed()
    const project = await createProject(join(dirname(npmProject), client), tarballs)

    const installed = await installWith(client, project)
    expect(installed.output).not.toMatch(/approve-builds|ignored build scripts|ERR_PNPM|npm err/i)
    expect(installed.code).toBe(0)
    expect(await runFixture(project, 'driver.mjs')).toMatchObject({ code: 0 })
  },
)

test('a driver runs on the simulation after npm install, without native code', async () => {
  const { code, output } = await runFixture(packed().project, 'driver.mjs')
  expect(output).toBe('4 pages mapped on sim\n')
  expect(code).toBe(0)
})

test('the examples run from their command', async () => {
  const { code, output } = await runBin(packed().project, 'hmm-examples', ['all'])
  expect(code, output).toBe(0)
})
