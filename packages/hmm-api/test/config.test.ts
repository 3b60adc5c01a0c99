import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineConfig, findConfig, loadBackend, loadConfig } from '@hmm-sdk/hmm-api/config'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

let folder: string

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'hmm-config-')))
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true })
})

const put = (name: string, text: string) => writeFile(join(folder, name), text)

describe('loadConfig', () => {
  it('reads JSON, modules and TypeScript', async () => {
    await put('a.json', '{ "backend": "sim" }')
    await put('b.mjs', `export default { backend: 'kernel' }`)
    await put('c.ts', `const name: string = 'x'\nexport default { backend: name }`)
    const backends = await Promise.all(
      ['a.json', 'b.mjs', 'c.ts'].map(async (name) => (await loadConfig(name, folder)).config),
    )
    expect(backends.map(({ backend }) => backend)).toEqual(['sim', 'kernel', 'x'])
  })

  it('finds the nearest file above, or none', async () => {
    await mkdir(join(folder, 'a/b'), { recursive: true })
    await put('hmm.config.json', '{}')
    await put('a/hmm.config.mjs', 'export default {}')
    expect(findConfig(join(folder, 'a/b'))).toBe(join(folder, 'a/hmm.config.mjs'))
    expect(findConfig(folder)).toBe(join(folder, 'hmm.config.json'))
    expect(await loadConfig(false)).toEqual({ config: {}, path: undefined })
  })

  it('names the file of a syntax error', async () => {
    await put('hmm.config.json', '{ "backend": ')
    await expect(loadConfig(undefined, folder)).rejects.toMatchObject({
      code: 'EINVAL',
      message: expect.stringContaining(join(folder, 'hmm.config.json')) as string,
    })
  })

  it('names an unknown key and its place', async () => {
    await put('hmm.config.json', '{ "devices": { "demo": { "sym": {} } } }')
    await expect(loadConfig(undefined, folder)).rejects.toThrow(/devices\.demo.*sym/s)
    await expect(loadConfig({ bakend: 'sim' } as never)).rejects.toThrow(/bakend/)
  })

  it('names a value of the wrong type', async () => {
    await expect(loadConfig({ backend: 3 } as never)).rejects.toThrow(/backend/)
    await expect(loadConfig({ devices: { demo: { model: {} as never } } })).rejects.toThrow(/model/)
  })

  it('fails for a file that is named and not there', async () => {
    await expect(loadConfig('no.json', folder)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('says where options of a device belong', async () => {
    const wrong = { devices: { demo: { memoryPages: 4 } } } as never
    await expect(loadConfig(wrong)).rejects.toMatchObject({
      code: 'EINVAL',
      message: expect.stringMatching(
        /devices\.demo: .*'memoryPages'.*\{ sim: \{ memoryPages \} \}/,
      ) as string,
    })
    await expect(loadConfig({ devices: { demo: 3 } } as never)).rejects.toThrow(/devices\.demo.*3/)
    await expect(loadConfig({ devices: [] } as never)).rejects.toThrow(/devices: .*\[\]/)
    const list = { devices: { demo: { backends: 'x' } } } as never
    await expect(loadConfig(list)).rejects.toThrow(/devices\.demo: backends/)
  })

  it('keeps options of third-party backends, also in devices', async () => {
    const config = defineConfig({
      devices: { demo: { backends: { 'hmm-x': { slot: 2 } } } },
      backends: { 'hmm-x': { seed: 1 } },
    })
    expect((await loadConfig(config)).config).toEqual(config)
  })
})

describe('loadBackend', () => {
  const install = async (name: string, code: string) => {
    const at = join(folder, 'node_modules', name)
    await mkdir(at, { recursive: true })
    await writeFile(
      join(at, 'package.json'),
      JSON.stringify({ name, type: 'module', exports: './index.js' }),
    )
    await writeFile(join(at, 'index.js'), code)
  }

  it('loads a third-party backend from the folder of the config, with its options', async () => {
    await install('hmm-x', 'export const createBackend = (options) => ({ name: "x", options })')
    await put('hmm.config.json', '{ "backend": "hmm-x", "backends": { "hmm-x": { "seed": 7 } } }')
    const { raw } = await loadBackend({ config: join(folder, 'hmm.config.json') })
    expect(raw).toEqual({ name: 'x', options: { seed: 7 } })
  })

  it('chooses by argument before environment before config', async () => {
    for (const name of ['hmm-a', 'hmm-b', 'hmm-c']) {
      await install(name, `export const createBackend = () => ({ name: '${name}' })`)
    }
    await put('hmm.config.json', '{ "backend": "hmm-c" }')
    const config = join(folder, 'hmm.config.json')
    const name = async (backend?: string) => (await loadBackend({ backend, config })).raw.name
    expect(await name()).toBe('hmm-c')
    vi.stubEnv('HMM_BACKEND', 'hmm-b')
    expect(await name()).toBe('hmm-b')
    expect(await name('hmm-a')).toBe('hmm-a')
  })

  it('names the command for a missing package, and who asked for it', async () => {
    vi.stubEnv('HMM_BACKEND', 'hmm-missing')
    await expect(loadBackend({ config: false })).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringMatching(/HMM_BACKEND.*npm install hmm-missing/s) as string,
    })
  })

  it('refuses a package that is no backend', async () => {
    await install('hmm-other', 'export const something = 1')
    await put('hmm.config.json', '{ "backend": "hmm-other" }')
    await expect(loadBackend({ config: join(folder, 'hmm.config.json') })).rejects.toMatchObject({
      code: 'EINVAL',
    })
  })

  it('refuses a backend of another API before it is made', async () => {
    await install(
      'hmm-new',
      'export const apiVersion = "9.0.0"; export const createBackend = () => { throw 1 }',
    )
    await put('hmm.config.json', '{ "backend": "hmm-new" }')
    await expect(loadBackend({ config: join(folder, 'hmm.config.json') })).rejects.toMatchObject({
      code: 'EPROTO',
    })
  })
})
