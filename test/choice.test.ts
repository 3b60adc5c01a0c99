import { cp, mkdir, mkdtemp } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { packed } from './packed.js'
import { runFixture, write } from './project.js'

// A package is a backend if it exports createBackend().
const backendPackage = (name: string, apiVersion: string) => `
export const createBackend = () => ({
  name: '${name}',
  apiVersion: '${apiVersion}',
  capabilities: {},
  scheduler: { now: () => 0 },
  trace() {},
  close: async () => [],
})`

beforeAll(async () => {
  const modules = join(packed().project, 'node_modules')
  await addPackage(modules, 'acme-backend', backendPackage('acme', '0.1.0'))
  await addPackage(modules, 'acme-backend-of-tomorrow', backendPackage('tomorrow', '9.0.0'))
  await addPackage(modules, 'acme-no-backend', 'export const version = 1')
})

describe('the backend is chosen', () => {
  test('as sim, if nothing is said', async () => {
    expect(await choose({})).toBe('sim')
  })

  test.each([
    ['hmm.config.json', `{ "backend": "acme-backend" }`],
    ['hmm.config.mjs', `export default { backend: 'acme-backend' }`],
    [
      'hmm.config.ts',
      `import { defineConfig } from '@hmm-sdk/hmm-api/config'\nexport default defineConfig({ backend: 'acme-backend' as string })`,
    ],
  ])('by %s', async (file, content) => {
    expect(await choose({ file, content })).toBe('acme')
  })

  test('by the environment, before the file', async () => {
    expect(await choose({ env: 'sim', content: `{ "backend": "acme-backend" }` })).toBe('sim')
    expect(await choose({ env: 'acme-backend' })).toBe('acme')
  })

  test('by the argument, before the environment and the file', async () => {
    const content = `{ "backend": "sim" }`
    expect(await choose({ argument: 'acme-backend', env: 'sim', content })).toBe('acme')
  })
})

describe('a wrong choice is an error that says what to do:', () => {
  test('a name that is no backend', async () => {
    expect(await choose({ env: 'simm' })).toMatch(/HmmError.*simm[^]*\bsim\b[^]*\bkernel\b/)
  })

  test('a package that is not installed', async () => {
    expect(await choose({ argument: 'acme-absent' })).toMatch(
      /acme-absent[^]*npm install acme-absent/,
    )
  })

  test('the kernel backend, which is optional, not installed', async () => {
    const { project } = packed()
    const without = await mkdtemp(join(dirname(project), 'without-kernel-'))
    await cp(join(project, 'node_modules'), join(without, 'node_modules'), {
      recursive: true,
      filter: (path) => !path.includes('backend-kernel'),
    })
    const { output } = await runFixture(without, 'choose.mjs', { env: { HMM_BACKEND: 'kernel' } })
    expect(output).toMatch(/npm install @hmm-sdk\/backend-kernel/)
  })

  test('a backend for another version of the API', async () => {
    const output = await choose({ argument: 'acme-backend-of-tomorrow' })
    expect(output).toMatch(/9\.0\.0/)
    expect(output).toMatch(/0\.1\.0/)
    expect(output).toMatch(/npm install/)
  })

  test('a package that is no backend', async () => {
    expect(await choose({ argument: 'acme-no-backend' })).toMatch(/createBackend/)
  })

  test('a key that the config does not have', async () => {
    expect(await choose({ content: `{ "bakend": "sim" }` })).toMatch(
      /bakend[^]*hmm\.config\.json|hmm\.config\.json[^]*bakend/,
    )
  })

  test('a config file that does not load', async () => {
    expect(await choose({ content: `{ "backend": ` })).toMatch(/hmm\.config\.json/)
  })
})

/** What the program of fixtures/choose.mjs prints in a folder of its own. */
async function choose(options: {
  argument?: string
  env?: string
  file?: string
  content?: string
}) {
  const { argument, env, file = 'hmm.config.json', content } = options
  const folder = await mkdtemp(join(packed().project, 'choice-'))
  if (content !== undefined) await write(folder, file, content)
  const { output } = await runFixture(folder, 'choose.mjs', {
    args: argument === undefined ? [] : [argument],
    env: env === undefined ? {} : { HMM_BACKEND: env },
  })
  return output.trim()
}

async function addPackage(modules: string, name: string, source: string) {
  const folder = join(modules, name)
  await mkdir(folder, { recursive: true })
  await write(folder, 'package.json', {
    name,
    version: '1.0.0',
    type: 'module',
    exports: './index.js',
  })
  await write(folder, 'index.js', source)
}
