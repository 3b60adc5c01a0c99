import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Taking pages from a file raises "clear" wherever they are mapped: truncate up to the end of the mapping,
punching a hole over exactly the hole. Growing a file raises nothing. A truncated file also takes
private copies behind its end, a punched hole does not (even_cows of unmap_mapping_range).`

export const group = caseGroup('events/file', ['mirror', 'space.file'], {
  truncate: async (t) => {
    const file = t.own(await t.space.createFile({ pages: 4 }))
    const range = await t.mmap(4, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await file.truncate(1)
    equal(await watch.seen(), ['clear 1-3'])
    await rejects('EFAULT', t.peek(range, 1), 'a read beyond the end')
    equal(await t.peek(range, 0), 1)
  },

  'truncate-to-nothing': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const range = await t.mmap(2, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await file.truncate(0)
    equal(await watch.seen(), ['clear 0-1'])
  },

  grow: async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(2, { file, shared: true })
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    await file.truncate(2)
    equal(await watch.seen(), [])
    equal(await t.contents(range), [1, 0])
  },

  // Shared mappings have the very pages that read and write are about.
  'read-and-written': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 3 }))
    const range = await t.mmap(3, { file, shared: true })
    await t.fill(range.slice(0, 2), 1)
    const watch = await t.watch(range)
    const before = await watch.snapshot()
    await file.write(t.pageSize - 1, Uint8Array.of(7, 8))
    equal([await watch.seen(), await watch.snapshot()], [[], before])
    equal(await t.space.read(range.at(t.pageSize - 1), 2), [7, 8], 'what the CPU reads')
    equal(await file.read(t.pageSize - 1, 3), [7, 8, 0], 'what is in the file')
    await t.poke(range, 1, 9)
    equal(await file.read(t.pageSize, 1), [9], 'what the CPU wrote')
  },

  'a-hole-that-is-read-stays-one': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const watch = await t.watch(await t.mmap(2, { file, shared: true }))
    equal(await file.read(0, 3), [0, 0, 0])
    await file.write(t.pageSize, Uint8Array.of(5))
    equal(await watch.snapshot(), ['none', 'none'], 'what is mapped')
    equal(await t.contents(watch.range), [0, 5])
  },

  'private-copies-are-apart': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const range = await t.mmap(2, { file })
    await t.poke(range, 0, 1)
    equal(await t.peek(range, 1), 0)
    await file.write(0, new Uint8Array(t.pageSize + 1).fill(6))
    equal([await t.contents(range), await file.read(0, 1)], [[1, 6], [6]])
  },

  'nothing-beyond-the-end': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    await rejects('EINVAL', file.read(t.pageSize - 1, 2), 'a read')
    await rejects('EINVAL', file.write(t.pageSize - 1, Uint8Array.of(1, 2)), 'a write')
    equal(await file.read(t.pageSize - 1, 1), [0], 'what is in the file')
  },

  'shared-with-a-device': needing(['dma.mirror', 'engine'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const watch = await t.watch(await t.mmap(1, { file, shared: true }))
    const device = await watch.map('write')
    await file.write(0, Uint8Array.of(5))
    equal(await device.peek(0), 5)
    await device.poke(0, 6)
    equal(await file.read(0, 1), [6])
  }),

  'punch-hole': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 4 }))
    const range = await t.mmap(4, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await file.punchHole(1, 2)
    equal(await watch.seen(), ['clear 1-2'])
    equal(await t.contents(range), [1, 0, 0, 4])
  },

  'punch-hole-elsewhere': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 3 }))
    const range = await t.mmap(2, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await file.punchHole(2, 1)
    equal(await watch.seen(), [])
  },

  'every-mapping-is-told': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const one = await t.watch(await t.mmap(2, { file, shared: true }))
    const two = await t.watch(await t.mmap(1, { file, shared: true, filePage: 1 }))
    await t.fill(one.range, 1)
    await t.contents(two.range)
    await file.punchHole(1, 1)
    equal(await one.seen(), ['clear 1'], 'the first mapping')
    equal(await two.seen(), ['clear 0'], 'the second mapping')
  },

  'truncate-takes-private-copies': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const range = await t.mmap(2, { file })
    await t.fill(range, 1)
    await file.truncate(1)
    await rejects('EFAULT', t.peek(range, 1))
    equal(await t.peek(range, 0), 1)
  },

  'punch-hole-leaves-private-copies': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const range = await t.mmap(2, { file })
    await t.fill(range, 1)
    await file.punchHole(0, 2)
    equal(await t.contents(range), [1, 2])
  },
})
