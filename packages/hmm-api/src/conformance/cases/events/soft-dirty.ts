import { equal } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Watching what a process writes (clear_refs 4) raises "soft-dirty" over all of its memory, and makes every
page read-only, so that the next write of it is noted. A mapping that is newer counts as written.`

export const group = caseGroup('events/soft-dirty', ['mirror', 'space.soft-dirty'], {
  'over-everything': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const other = await t.watch(await t.mmap(1))
    await t.space.clearSoftDirty()
    equal(await watch.seen(), ['soft-dirty 0-1'])
    equal(await other.seen(), ['soft-dirty 0'], 'where nothing was touched')
    equal(await watch.snapshot(), ['read', 'read'])
  },

  'the-next-write': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.clearSoftDirty()
    equal(await t.space.softDirty(range), [false, false])
    await watch.forget()
    await t.poke(range, 1, 9)
    equal(await watch.seen(), [], 'what the write invalidates')
    equal(await watch.snapshot(), ['read', 'write'])
    equal(await t.space.softDirty(range), [false, true])
    equal(await t.contents(range), [1, 9])
  },

  'a-new-mapping-counts-as-written': async (t) => {
    const old = await t.mmap(1)
    await t.space.clearSoftDirty()
    const range = await t.mmap(1, { protection: 'r' })
    equal(await t.space.softDirty(old), [false], 'the old one')
    equal(await t.space.softDirty(range), [true], 'the new one')
  },

  'read-is-no-write': async (t) => {
    const range = await t.mmap(2)
    await t.poke(range, 0, 1)
    await t.space.clearSoftDirty()
    await t.contents(range)
    equal(await t.space.softDirty(range), [false, false])
  },

  'mprotect-keeps-watching': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await t.space.clearSoftDirty()
    await t.space.mprotect(range, 'r')
    await t.space.mprotect(range, 'rw')
    equal(await (await t.watch(range)).snapshot(), ['read'])
    equal(await t.space.softDirty(range), [false])
  },

  'shared-memory': async (t) => {
    const range = await t.mmap(2, { shared: true })
    await t.fill(range, 1)
    await t.space.clearSoftDirty()
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['read', 'read'])
    await t.poke(range, 0, 2)
    equal(await t.space.softDirty(range), [true, false])
  },

  'moved-counts-as-written': needing(['space.mremap'], async (t) => {
    const range = await t.mmap(2)
    await t.poke(range, 0, 1)
    const target = await t.mmap(2)
    await t.space.clearSoftDirty()
    const moved = await t.space.mremap(range, { to: target.start })
    equal(await t.space.softDirty(moved), [true, false])
  }),

  'swapped-and-written': needing(['space.pageout'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.clearSoftDirty()
    await t.poke(range, 1, 9)
    await t.space.madvise(range, 'pageout')
    equal(await t.space.softDirty(range), [false, true], 'while they are swapped out')
    equal(await t.contents(range), [1, 9])
    equal(await t.space.softDirty(range), [false, true])
  }),

  'fault-for-writing': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await t.space.clearSoftDirty()
    const watch = await t.watch(range)
    equal(await watch.fault('write'), ['write'])
    equal(await t.space.softDirty(range), [true])
  },

  // Taking a page for a device alone is a write fault, and its entry remembers that (make_device_exclusive).
  'exclusive-counts-as-written': needing(['dma.mirror', 'exclusive'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await t.space.clearSoftDirty()
    await (await t.watch(range)).exclusive()
    equal(await t.space.softDirty(range), [true], 'while the device has it')
    equal(await t.peek(range, 0), 1)
    equal(await t.space.softDirty(range), [true], 'when the process has it again')
  }),

  'watched-while-a-device-has-it': needing(['dma.mirror', 'exclusive'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    await watch.exclusive()
    await t.space.clearSoftDirty()
    equal(await t.space.softDirty(range), [false])
    equal(await t.peek(range, 0), 1)
    equal(await watch.snapshot(), ['read'])
  }),

  // The device writes through its own mapping, which nobody looks at.
  'a-device-is-not-noticed': needing(['dma.mirror', 'engine'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const device = await watch.map('write')
    await t.space.clearSoftDirty()
    await t.refused(device.poke(0, 7))
    equal(await t.peek(range, 0), 1)
  }),
})
