import { openBackend, type Backend } from '@hmm-sdk/hmm-api'
import { beforeEach, describe, expect, it } from 'vitest'
import { fakeBackend, type Fake } from './fake-backend.js'

let fake: Fake
let backend: Backend

beforeEach(async () => {
  fake = fakeBackend()
  backend = await openBackend({ backend: fake.raw, config: false })
})

const invalidate = () => undefined

describe('close', () => {
  it('closes what is below, last made first, and names it', async () => {
    const space = await backend.createAddressSpace({ name: 'p' })
    const device = await backend.openDevice('demo')
    const range = await space.mmap({ pages: 1 })
    await device.mirror(space, range, { invalidate, name: 'm' })
    fake.calls.length = 0
    await backend.close()
    expect(fake.calls).toEqual(['mirror.close', 'device.close', 'space.close', 'backend.close'])
    expect(backend.report().leaks).toEqual([
      { kind: 'device', name: 'demo' },
      { kind: 'mirror', name: 'm' },
      { kind: 'address-space', name: 'p' },
    ])
  })

  it('is the same promise every time, and frees once', async () => {
    const first = backend.close()
    expect(backend.close()).toBe(first)
    await first
    expect(fake.calls.filter((call) => call === 'backend.close')).toHaveLength(1)
  })

  it('makes every later call fail with EBADF, without reaching the backend', async () => {
    const space = await backend.createAddressSpace()
    await space.close()
    fake.calls.length = 0
    await expect(space.mmap({ pages: 1 })).rejects.toMatchObject({ code: 'EBADF' })
    expect(fake.calls).toEqual([])
  })

  it('adds what the backend itself finds', async () => {
    const leak = { kind: 'iova', name: '0x1000' }
    const leaky = fakeBackend({ close: async () => [leak] })
    const opened = await openBackend({ backend: leaky.raw, config: false })
    await opened.close()
    expect(opened.report().leaks).toEqual([leak])
  })
})

describe('a process that ends', () => {
  it('fails with ESRCH from the call of exit on', async () => {
    const space = await backend.createAddressSpace({ name: 'p' })
    const exiting = space.exit()
    await expect(space.mmap({ pages: 1 })).rejects.toMatchObject({ code: 'ESRCH' })
    await exiting
    expect(space.isReleased).toBe(false)
    fake.release()
    await space.released
    expect(space.isReleased).toBe(true)
  })

  it('is told once to each mirror, also when it was told before the mirror was made', async () => {
    const space = await backend.createAddressSpace()
    const device = await backend.openDevice('demo')
    const range = await space.mmap({ pages: 1 })
    let releases = 0
    const released = () => void releases++
    const mirror = await device.mirror(space, range, { invalidate, released })
    fake.mirror?.released()
    fake.mirror?.released()
    expect([releases, mirror.isReleased]).toEqual([1, true])
  })
})

describe('a backend of another version', () => {
  it.each([
    ['9.0.0', 'Update the API'],
    ['0.0.1', 'Update the backend'],
    ['nonsense', ''],
  ])('%s is refused with the way out', async (apiVersion, hint) => {
    const { raw } = fakeBackend({ apiVersion })
    await expect(openBackend({ backend: raw, config: false })).rejects.toMatchObject({
      code: 'EPROTO',
      message: expect.stringContaining(hint) as string,
    })
  })
})
