import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Device memory can be emptied at any time without the process noticing: by evict, and by the close of the
device, which never loses data of a process.`

export const group = caseGroup('memory/evict', ['mirror', 'dma.mirror', 'engine', 'memory'], {
  evict: async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' }, range.slice(0, 2))
    const pages = await watch.map('write')
    await pages.poke(0, 9)
    equal(await t.device.memory.evict(), 2, 'the number of pages that came back')
    await rejects('EFAULT', pages.peek(0), 'a device read of the old place')
    equal(await watch.snapshot(), ['write', 'write', 'write'])
    equal(await t.contents(range), [9, 2, 3])
  },

  'nothing-to-evict': async (t) => {
    equal(await t.device.memory.evict(), 0)
  },

  'shared-by-fork': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' })
    const child = await t.fork()
    equal(await t.device.memory.evict(), 2, 'the number of pages that came back')
    await t.poke(range, 0, 9)
    equal(
      [await t.contents(range), await t.contents(range, child)],
      [
        [9, 2],
        [1, 2],
      ],
    )
  }),

  'of-several-processes': async (t) => {
    const other = await t.spawn()
    const mine = await t.mmap(1)
    const theirs = await other.mmap({ pages: 1 })
    await t.poke(mine, 0, 1)
    await t.poke(theirs, 0, 2, other)
    const one = await t.watch(mine)
    const two = await t.watch(theirs, { space: other })
    await one.migrate({ to: 'device' })
    await two.migrate({ to: 'device' })
    equal(await t.device.memory.evict(), 2, 'the number of pages that came back')
    equal([await t.peek(mine, 0), await t.peek(theirs, 0, other)], [1, 2])
  },

  'all-memory-is-free-afterwards': async (t) => {
    const watch = await t.watch(await t.mmap(4))
    await watch.migrate({ to: 'device' })
    await t.device.memory.evict()
    equal(t.device.memory.freePages, t.device.memory.pages)
  },

  'close-of-the-device': needing(['device.shared'], async (t) => {
    const device = await t.openDevice()
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range, { device })
    await watch.migrate({ to: 'device' })
    await (await watch.map('write')).poke(1, 9)
    await watch.mirror.close()
    await device.close()
    equal(await t.contents(range), [1, 9])
  }),

  'close-of-the-mirror-keeps-device-pages': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' })
    await watch.mirror.close()
    equal(await (await t.watch(range)).snapshot(), ['device-write'])
    equal(await t.peek(range, 0), 1)
  },
})
