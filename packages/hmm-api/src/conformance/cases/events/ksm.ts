import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Merging equal pages (KSM) raises "clear" for each of them: when it is write-protected, and when it is
replaced. They are one page then, read-only; the next write copies, with a "clear" of its own.`

export const group = caseGroup('events/ksm', ['mirror', 'space.ksm'], {
  merge: async (t) => {
    const range = await t.mmap(4)
    await t.fill(range, 1)
    for (const index of [0, 1, 3]) await t.poke(range, index, 5)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['write', 'write', 'write', 'write'])
    await t.space.mergePages(range)
    equal(await watch.seen(), ['clear 0-1,3'], 'the page without an equal is only looked at')
    equal(await watch.snapshot(), ['read', 'read', 'write', 'read'])
    const frames = await watch.commit((pages) => [0, 1, 3].map((index) => pages.frame(index)))
    equal(new Set(frames).size, 1, 'frames of three pages')
    equal(await t.contents(range), [5, 5, 3, 5])
  },

  'write-copies': async (t) => {
    const range = await t.mmap(2)
    for (const index of [0, 1]) await t.poke(range, index, 5)
    const watch = await t.watch(range)
    await t.space.mergePages(range)
    await watch.forget()
    await t.poke(range, 0, 9)
    equal(await watch.seen(), ['clear 0'])
    await watch.forget()
    equal(await watch.fault('write', range.page(1)), ['write'], 'the last user copies too')
    equal(await watch.seen(), ['clear 1'])
    equal(await t.contents(range), [9, 5])
  },

  'equal-all-over': async (t) => {
    const range = await t.mmap(3)
    await t.space.write(range.page(0).at(t.pageSize - 1), Uint8Array.of(7))
    await t.poke(range, 1, 7)
    await t.space.write(range.page(2).at(t.pageSize - 1), Uint8Array.of(7))
    const watch = await t.watch(range)
    await t.space.mergePages(range)
    equal(await watch.seen(), ['clear 0,2'], 'pages that differ in their last byte are not equal')
  },

  'with-what-was-given-before': async (t) => {
    const first = await t.mmap(2)
    const second = await t.mmap(1)
    for (const index of [0, 1]) await t.poke(first, index, 5)
    await t.poke(second, 0, 5)
    const watch = await t.watch(second)
    await t.space.mergePages(first)
    equal(await watch.seen(), [], 'memory that was not given')
    await t.space.mergePages(second)
    equal(await watch.seen(), ['clear 0'])
    await t.poke(second, 0, 6)
    equal([await t.contents(first), await t.contents(second)], [[5, 5], [6]])
  },

  'of-two-processes': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    const child = await t.fork()
    await t.poke(range, 0, 5)
    await t.poke(range, 1, 5, child)
    const watch = await t.watch(range)
    const theirs = await t.watch(range, { space: child })
    await child.mergePages(range)
    await t.space.mergePages(range)
    equal([await watch.seen(), await theirs.seen()], [['clear 0'], ['clear 1']])
    await t.poke(range, 0, 6)
    equal(await t.contents(range, child), [0, 5])
  }),

  'shared-memory-is-left-alone': async (t) => {
    const range = await t.mmap(2, { shared: true })
    for (const index of [0, 1]) await t.poke(range, index, 5)
    const watch = await t.watch(range)
    await t.space.mergePages(range)
    equal(await watch.seen(), [])
    equal(await watch.snapshot(), ['write', 'write'])
  },

  'private-copies-of-a-file': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 3 }))
    const range = await t.mmap(3, { file })
    for (const index of [0, 1]) await t.poke(range, index, 5)
    const watch = await t.watch(range)
    await t.space.mergePages(range)
    equal(await watch.seen(), ['clear 0-1'])
  }),

  // They hear of the attempt, as they do when somebody tries to move them.
  'pinned-pages-stay': needing(['space.pin'], async (t) => {
    const range = await t.mmap(2)
    for (const index of [0, 1]) await t.poke(range, index, 5)
    t.own(await t.space.pin(range))
    const watch = await t.watch(range)
    await t.space.mergePages(range)
    equal(await watch.snapshot(), ['write', 'write'])
    equal(await t.contents(range), [5, 5])
  }),

  'a-device-keeps-none-of-it': needing(['dma.mirror', 'engine'], async (t) => {
    const range = await t.mmap(2)
    for (const index of [0, 1]) await t.poke(range, index, 5)
    const watch = await t.watch(range)
    const device = await watch.map('write')
    await t.space.mergePages(range)
    await t.refused(device.poke(0, 9))
    equal(await t.contents(range), [5, 5])
    const again = await watch.map('write')
    await again.poke(0, 9)
    equal(await t.contents(range), [9, 5])
  }),

  'a-hole': async (t) => {
    const range = await t.mmap(3)
    await t.space.munmap(range.page(1))
    await rejects('ENOMEM', t.space.mergePages(range))
    ok(!(await t.watch(range.page(0))).mirror.isReleased, 'the process is there')
  },
})
