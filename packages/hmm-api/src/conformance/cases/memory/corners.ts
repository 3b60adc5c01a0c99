import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Rules of device memory that random programs found: what has moved before a hole stays moved, a change of
protection takes the right to write from device pages whatever the new one is, and the page decides
whether it can be exclusive, not the mapping.`

export const group = caseGroup('memory/corners', ['mirror', 'dma.mirror', 'engine', 'memory'], {
  // migrate_vma works on one mapping after the other.
  'moves-up-to-a-hole': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    await t.space.munmap(range.page(1))
    const watch = await t.watch(range)
    const move = () => rejects('EINVAL', watch.migrate({ to: 'device' }))
    await move()
    // The kernel may have held it for a moment.
    if ((await watch.snapshot())[0] === 'write') await move()
    equal(await watch.snapshot(), ['device-write', 'error', 'write'])
    equal([await t.peek(range, 0), await t.peek(range, 2)], [1, 3])
  },

  // change_softleaf_pte
  'mprotect-narrows-device-pages': needing(['memory.private'], async (t) => {
    const range = await t.mmap(1)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' })
    await t.space.mprotect(range, 'r')
    await t.space.mprotect(range, 'rw')
    equal(await watch.snapshot(), ['device-read'])
    await t.poke(range, 0, 2)
    equal(await t.peek(range, 0), 2)
  }),

  // A page of one's own is reported as it is, whatever was asked for (hmm_vma_handle_pte).
  'write-fault-of-a-read-only-device-page': needing(['memory.private'], async (t) => {
    const range = await t.mmap(1)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' })
    await t.space.mprotect(range, 'r')
    await t.space.mprotect(range, 'rw')
    await watch.forget()
    equal(await watch.fault('write'), ['device-read'])
    equal([await watch.seen(), await watch.snapshot()], [[], ['device-read']])
  }),

  // hmm_range_fault reports a page of one's own as it is, and fails at another.
  'blames-the-page-that-fails': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' }, range.page(0))
    await t.space.mprotect(range.page(0), 'r')
    await t.space.mprotect(range.page(0), 'rw')
    await t.space.munmap(range.page(1))
    const error = await rejects('EFAULT', watch.map('write'))
    equal(error.page, 1, 'the page to blame')
  },

  // The fault of the first page goes on to its neighbours: one comes back, for reading first, one is not there.
  'blames-beyond-what-came-back': needing(
    ['memory.private', 'space.file', 'space.fork'],
    async (t) => {
      const file = t.own(await t.space.createFile({ pages: 2 }))
      const range = await t.mmap(3, { file })
      await t.poke(range, 0, 1)
      await t.poke(range, 1, 2)
      await t.fork()
      const watch = await t.watch(range)
      await watch.migrate({ to: 'device' }, range.page(1))
      const error = await rejects('EFAULT', watch.map('write'))
      equal(error.page, 2, 'the page to blame')
      equal(await watch.snapshot(), ['write', 'read', 'none'])
    },
  ),

  // A fault of a range faults all of it, the neighbours too: the shared page is brought back alone.
  'writing-what-is-shared-leaves-its-neighbours': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    await t.poke(range, 0, 1)
    const child = await t.fork()
    const watch = await t.watch(range)
    const moved = await watch.migrate({ to: 'device' })
    equal([moved.outcome(0), moved.outcome(1)], ['migrated', 'populated'])
    const device = await watch.map('write')
    equal(device.isDevice, [false, true], 'what is in device memory')
    await device.poke(0, 2)
    equal([await t.peek(range, 0), await t.peek(range, 0, child)], [2, 1])
  }),

  // make_device_exclusive faults for writing, which gives a private copy, and looks at the page.
  'exclusive-copy-of-a-file-page': needing(
    ['space.file', 'exclusive', 'engine.atomics'],
    async (t) => {
      const file = t.own(await t.space.createFile({ pages: 1 }))
      const shared = await t.mmap(1, { file, shared: true })
      await t.poke(shared, 0, 5)
      const range = await t.mmap(1, { file })
      const pages = await (await t.watch(range)).exclusive()
      equal(await pages.fetchAdd(0, 1), 5, 'what the device found')
      equal([await t.peek(range, 0), await t.peek(shared, 0)], [6, 5], 'the copy and the file')
    },
  ),
})
