import { openBackend, type Backend } from '@hmm-sdk/hmm-api'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeBackend } from './fake-backend.js'

describe('openBackend', () => {
  it.each([
    [{ sim: { seed: 1 } }, /'sim' is a part of the config: openBackend\(\{ config: \{ sim: /],
    [{ devices: {} }, /'devices' is a part of the config/],
    [{ bakend: 'sim' }, /unknown option 'bakend'; known are backend, options, config/],
    [{ backend: 'sim', options: {} }, /'options' goes with a createBackend/],
    ['sim', /the options are an object, not 'sim'/],
    [null, /the options are an object, not null/],
  ])('%j', async (options, message) => {
    await expect(openBackend(options as never)).rejects.toThrow(message)
  })
})

describe('an option that is misspelt', () => {
  let backend: Backend

  beforeEach(async () => {
    backend = await openBackend({ backend: fakeBackend().raw, config: false })
  })

  afterEach(() => backend.close())

  const refused = (option: string) =>
    expect.objectContaining({
      name: 'TypeError',
      message: expect.stringContaining(`unknown option '${option}'; known are `),
    })

  it('is refused by what maps and watches memory', async () => {
    const space = await backend.createAddressSpace()
    const device = await backend.openDevice('demo')
    const bad = (options: object) => options as never
    await expect(space.mmap(bad({ pages: 4, prot: 'r' }))).rejects.toEqual(refused('prot'))
    const range = await space.mmap({ pages: 4, protection: 'r', deadlineMs: 1000 })
    await expect(space.mremap(range, bad({ maymove: true }))).rejects.toEqual(refused('maymove'))
    await expect(space.userfaultfd(range, bad({ wp: true }))).rejects.toEqual(refused('wp'))
    const watcher = { invalidate: () => undefined, release: () => undefined }
    await expect(device.mirror(space, range, bad(watcher))).rejects.toEqual(refused('release'))
  })
})
