import { equal } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { Owned } from '../../../objects/owned.js'

export const description = `
close() is idempotent, closes what is below and names that as leaks; what its owner closed in time is no
leak. Status is "open" or "closed".`

const kinds = (owner: Owned) => owner.leaks.map(({ kind }) => kind).sort()

const twice = (open: (t: Scene) => Promise<Owned>) => async (t: Scene) => {
  const object = await open(t)
  equal(object.status, 'open', 'before')
  await Promise.all([object.close(), object.close()])
  await object.close()
  equal([object.status, kinds(object)], ['closed', []], 'afterwards')
}

export const group = caseGroup('lifecycle/close', [], {
  'space-twice': twice((t) => t.spawn()),
  'device-twice': needing(
    ['device.shared'],
    twice((t) => t.openDevice()),
  ),
  'backend-twice': twice((t) => t.openBackend()),
  'mirror-twice': needing(
    ['mirror'],
    twice(async (t) => (await t.watch(await t.mmap(1))).mirror),
  ),
  'buffer-twice': needing(
    ['dma.streaming'],
    twice((t) => t.device.dma.allocBuffer({ bytes: 64 })),
  ),
  'coherent-buffer-twice': needing(
    ['dma.coherent'],
    twice((t) => t.device.dma.allocCoherent({ bytes: 64 })),
  ),
  'window-twice': needing(
    ['dma.window'],
    twice((t) => t.device.dma.openWindow({ pages: 1 })),
  ),
  'file-twice': needing(
    ['space.file'],
    twice((t) => t.space.createFile({ pages: 1 })),
  ),

  'device-names-leaks': needing(['device.shared', 'mirror', 'dma.coherent'], async (t) => {
    const device = await t.openDevice()
    const range = await t.mmap(1)
    await device.mirror(t.space, range, { invalidate: () => undefined, name: 'forgotten' })
    await device.dma.allocCoherent({ bytes: 64 })
    await device.close()
    equal(kinds(device), ['coherent-buffer', 'mirror'])
    equal(
      device.leaks.some(({ name }) => name === 'forgotten'),
      true,
      'the name is given',
    )
  }),

  'device-without-leaks': needing(['device.shared', 'mirror', 'dma.coherent'], async (t) => {
    const device = await t.openDevice()
    const invalidate = () => undefined
    await (await device.mirror(t.space, await t.mmap(1), { invalidate })).close()
    await (await device.dma.allocCoherent({ bytes: 64 })).close()
    await device.close()
    equal(kinds(device), [])
  }),

  'backend-names-leaks': needing(['device.shared'], async (t) => {
    const backend = await t.openBackend()
    await backend.createAddressSpace()
    await backend.openDevice('demo')
    await backend.close()
    equal(kinds(backend), ['address-space', 'device'])
  }),

  'closed-mirror-unmaps': needing(['mirror', 'dma.mirror'], async (t) => {
    const watch = await t.watch(await t.mmap(2))
    await watch.map('write')
    const before = t.backend.counters().pagesUnmapped
    await watch.mirror.close()
    equal(t.backend.counters().pagesUnmapped - before, 2)
  }),

  'closed-mirror-hears-nothing': needing(['mirror'], async (t) => {
    const range = await t.mmap(1)
    const watch = await t.watch(range)
    await watch.mirror.close()
    await t.space.munmap(range)
    await (await t.watch(await t.mmap(1))).settled()
    equal(watch.events.length, 0, 'the number of events after the close')
  }),

  'closing-the-mirror-leaves-the-memory': needing(['mirror', 'dma.mirror', 'engine'], async (t) => {
    const watch = await t.watch(await t.mmap(1))
    await (await watch.map('write')).poke(0, 5)
    await watch.mirror.close()
    equal(await t.peek(watch.range, 0), 5)
  }),

  'device-is-usable-after-reopen': needing(
    ['device.shared', 'dma.coherent', 'engine'],
    async (t) => {
      await (await t.openDevice()).close()
      const device = await t.openDevice()
      const buffer = await device.dma.allocCoherent({ bytes: 64 })
      buffer.write(0, Uint8Array.of(3))
      equal(await device.engine.read(buffer.dmaAddress, 1), [3])
      await buffer.close()
    },
  ),

  'asynchronous-dispose': async (t) => {
    const space = await t.spawn()
    await space[Symbol.asyncDispose]()
    equal(space.status, 'closed')
  },
})
