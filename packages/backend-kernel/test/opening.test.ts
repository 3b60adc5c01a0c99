import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { release, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { HmmError, openBackend } from '@hmm-sdk/hmm-api'
import { findAgent } from '../src/agent-binary.js'
import { openRequest } from '../src/device-options.js'
import { createBackend, doctor } from '../src/index.js'
import { abiError, isSupportedKernel, openError } from '../src/module-error.js'
import { loadAddon } from '../src/native.js'
import * as uapi from '../src/uapi.js'

const folder = mkdtempSync(join(tmpdir(), 'hmm-opening-'))
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => vi.unstubAllEnvs())

async function failure(run: () => unknown): Promise<HmmError> {
  try {
    await run()
  } catch (error) {
    if (HmmError.is(error)) return error
    throw error
  }
  throw new Error('it did not fail')
}

const withoutModule = !existsSync('/dev/hmm_sdk')

describe('opening the kernel backend', () => {
  it.runIf(withoutModule)('without the module: ENODEV and what to do', async () => {
    const error = await failure(() => openBackend({ backend: createBackend, config: false }))
    expect(error.code).toBe('ENODEV')
    expect(error.message).toContain('hmm_sdk is not loaded')
    const hint = isSupportedKernel(release())
      ? /^sudo modprobe hmm_sdk; .*make -C .*module && sudo insmod .*hmm_sdk\.ko$/
      : /6\.12, and 7\.2 and later.*simulation/
    expect(error.hint).toMatch(hint)
  })

  it('a node that is something else: EPROTO', async () => {
    const error = await failure(() => createBackend({ node: '/dev/null' }))
    expect(error.code).toBe('EPROTO')
    expect(error.message).toContain('/dev/null is not the node of the module')
  })

  it('no permission: EACCES with the command that gives it', () => {
    const cause = Object.assign(new Error('open'), { code: 'EACCES' })
    const error = openError('/dev/hmm_sdk', cause)
    expect(error.code).toBe('EACCES')
    expect(error.hint).toContain('sudo setfacl -m u:$USER:rw /dev/hmm_sdk')
    expect(error.retryable).toBe(false)
  })

  it('another ABI: EPROTO names both versions, and which side to update', () => {
    const older = abiError(uapi.ABI_VERSION - 1, '0.0.9')
    expect(older.code).toBe('EPROTO')
    expect(older.message).toContain(
      `module hmm_sdk 0.0.9 has ABI version ${uapi.ABI_VERSION - 1}, this package has ${uapi.ABI_VERSION}`,
    )
    expect(older.hint).toMatch(/rmmod hmm_sdk; make -C/)
    const newer = abiError(uapi.ABI_VERSION + 1, '9.0.0')
    expect(newer.hint).toMatch(/npm install @hmm-sdk\/backend-kernel@latest/)
  })

  it('kernels: 6.12, and 7.2 and later', () => {
    const names = ['6.12.107+deb13-amd64', '7.2.12', '7.3.4+deb13', '8.0.0-rc1']
    expect(names.every(isSupportedKernel)).toBe(true)
    const others = ['6.1.0', '6.13.1', '6.18.44', '7.0.3', '7.1.9', '5.15.0', 'x']
    expect(others.some(isSupportedKernel)).toBe(false)
  })

  it('an addon that is not there, or does not load, says how to build one', async () => {
    const missing = await failure(() => loadAddon(join(folder, 'none.node')))
    expect(missing.code).toBe('ENODEV')
    expect(missing.hint).toMatch(/^Build it with gcc: node .*addon\/build\.mjs$/)
    const broken = join(folder, 'broken.node')
    writeFileSync(broken, 'not a library')
    const error = await failure(() => loadAddon(broken))
    expect(error.code).toBe('ENODEV')
    expect(error.hint).toMatch(/glibc 2\.28 or later.*build\.mjs/)
  })

  it('finds the agent by option, environment, package, and says how to build it', async () => {
    const binary = join(folder, 'agent')
    writeFileSync(binary, '')
    const error = await failure(() => findAgent(binary))
    expect(error.code).toBe('ENOENT')
    expect(error.message).toContain('the option agent')
    expect(error.hint).toMatch(/make -C .*\/agent/)
    chmodSync(binary, 0o755)
    expect(findAgent(binary)).toBe(binary)
    vi.stubEnv('HMM_SDK_AGENT', binary)
    expect(findAgent(undefined)).toBe(binary)
    vi.stubEnv('HMM_SDK_AGENT', join(folder, 'nowhere'))
    expect((await failure(() => findAgent(undefined))).message).toContain('HMM_SDK_AGENT')
  })

  it('refuses unknown options', async () => {
    await expect(createBackend({ agnet: 'x' })).rejects.toThrow(/unknown kernel option 'agnet'/)
    await expect(createBackend({ node: 3 })).rejects.toThrow(/'node' is a path/)
    await expect(createBackend('x')).rejects.toThrow(TypeError)
  })
})

describe('options of a device', () => {
  it('reads PCI ids and addresses', () => {
    expect(openRequest('d', { pci: '1234:11e8' }, true)).toEqual({
      kind: uapi.DEVICE_PCI,
      vendor: 0x1234,
      device: 0x11e8,
    })
    expect(openRequest('d', { pci: '0001:02:1f.7' }, true)).toEqual({
      kind: uapi.DEVICE_PCI,
      flags: uapi.OPEN_BY_ADDRESS,
      pciAddress: 0x102ff,
    })
  })

  it('reads the software device, and knows demo without options', () => {
    expect(openRequest('d', { soft: true, memoryPages: 7 }, true)).toEqual({
      kind: uapi.DEVICE_SOFT,
      memoryPages: 7,
    })
    const coherent = { soft: true, memoryPages: 7, memoryKind: 'coherent' }
    expect(openRequest('d', coherent, true).flags).toBe(uapi.OPEN_COHERENT)
    expect(openRequest('d', { ...coherent, memoryPages: 0 }, true).flags).toBeUndefined()
    expect(openRequest('d', { soft: true }, true).memoryPages).toBe(0)
    expect(openRequest('demo', undefined, true).memoryPages).toBeGreaterThan(0)
    expect(openRequest('demo', undefined, false).memoryPages).toBe(0)
  })

  it('ENODEV for no options, TypeError for wrong ones', async () => {
    const error = await failure(() => openRequest('gpu', undefined, true))
    expect(error.code).toBe('ENODEV')
    expect(error.hint).toContain("devices.gpu.kernel: { pci: '1234:11e8' }")
    const wrong: [unknown, RegExp][] = [
      [{ pci: '12:3' }, /pci is like/],
      [{ pci: '0000:00:20.0' }, /pci is like/],
      [{}, /either pci/],
      [{ pci: '1234:11e8', soft: true }, /either pci/],
      [{ soft: false }, /either pci/],
      [{ pci: '1234:11e8', memoryPages: 1 }, /soft: true only/],
      [{ soft: true, memoryPages: -1 }, /number of pages/],
      [{ soft: true, memoryPages: 1, memoryKind: 'other' }, /'private' or 'coherent'/],
      [{ pci: '1234:11e8', memoryKind: 'coherent' }, /soft: true only/],
      [{ soft: true, memory: 1 }, /unknown kernel option 'memory'/],
      ['edu', /an object/],
    ]
    for (const [options, message] of wrong) {
      expect(() => openRequest('d', options, true)).toThrow(TypeError)
      expect(() => openRequest('d', options, true)).toThrow(message)
    }
  })
})

describe('doctor', () => {
  it('is plain JSON and has every step, in order', () => {
    const report = doctor({ agent: process.execPath })
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
    expect(report.steps.map(({ name }) => name)).toEqual([
      'linux',
      'kernel',
      'addon',
      'module',
      'node',
      'abi',
      'agent',
      'iommu',
    ])
    for (const step of report.steps) {
      expect(step.detail).not.toBe('')
      if (step.status === 'failed') expect(step.hint).not.toBe('')
    }
  })

  it.runIf(withoutModule)('names the step that fails, and skips what needs it', () => {
    const report = doctor()
    const of = (wanted: string) => report.steps.find(({ name }) => name === wanted)
    expect(report.ok).toBe(false)
    expect(of('addon')?.status).toBe('ok')
    expect(of('module')).toMatchObject({ status: 'failed', detail: 'hmm_sdk is not loaded' })
    expect(of('module')?.hint).toContain('modprobe hmm_sdk')
    expect(of('node')?.status).toBe('failed')
    expect(of('abi')?.status).toBe('skipped')
  })
})
