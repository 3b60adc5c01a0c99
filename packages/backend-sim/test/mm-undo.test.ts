import { openBackend } from '@hmm-sdk/hmm-api'
import { createBackend } from '@hmm-sdk/backend-sim'
import { expect, test } from 'vitest'

// A commit and its undo happen in one step here, so nobody's map can come in between.
test.each(['failing first', 'failing last', 'aborted'])(
  'two maps of the same pages, one of which fails: %s',
  async (order) => {
    const backend = await openBackend({ backend: createBackend, config: false })
    const device = await backend.openDevice('demo')
    const space = await backend.createAddressSpace()
    const range = await space.mmap({ pages: 4, populate: true })
    await space.write(range.start, Uint8Array.of(1, 2, 3))
    const mirror = await device.mirror(space, range, { invalidate: () => {} })
    const controller = new AbortController()
    const failing = (): Promise<unknown> =>
      mirror.map(range, { access: 'write', signal: controller.signal }, () => {
        throw new RangeError('on purpose')
      })
    const good = () => mirror.map(range, { access: 'write' }, (mapping) => mapping.dmaAddress(0))
    if (order === 'aborted') controller.abort()
    const calls = order === 'failing last' ? [good(), failing()] : [failing(), good()]
    const results = await Promise.allSettled(calls)
    const done = results.find(({ status }) => status === 'fulfilled')
    const address = (done as PromiseFulfilledResult<Awaited<ReturnType<typeof good>>>).value
    expect(await device.engine.read(address, 3)).toEqual(Uint8Array.of(1, 2, 3))
    await mirror.close()
    await device.close()
    await space.close()
    await backend.close()
    expect(backend.leaks).toEqual([])
  },
)
