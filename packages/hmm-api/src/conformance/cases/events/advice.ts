import { equal } from '../../harness/check.js'
import { caseGroup } from '../../harness/case.js'

export const description = `
Advice that drops pages raises "clear" over the range, whether pages are there or not; advice that only
says something raises nothing.`

export const group = caseGroup('events/advice', ['mirror'], {
  dontneed: async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.madvise(range.slice(1, 2), 'dontneed')
    equal(await watch.seen(), ['clear 1-2'])
    equal(await t.contents(range), [1, 0, 0])
  },

  'dontneed-untouched': async (t) => {
    const watch = await t.watch(await t.mmap(2))
    await t.space.madvise(watch.range, 'dontneed')
    equal(await watch.seen(), ['clear 0-1'])
  },

  free: async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.madvise(range, 'free')
    equal(await watch.seen(), ['clear 0-1'])
  },

  // Pages given up by "free" keep their data once they were written again.
  'written-after-free': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.madvise(range, 'free')
    await t.fill(range, 5)
    equal(await t.contents(range), [5, 6])
  },

  'remove-of-shared-memory': async (t) => {
    const range = await t.mmap(2, { shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.madvise(range.page(1), 'remove')
    equal(await watch.seen(), ['clear 1'])
    equal(await t.contents(range), [1, 0])
  },

  willneed: async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.madvise(range, 'willneed')
    equal(await watch.seen(), [])
  },

  cold: async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.madvise(range, 'cold')
    equal(await watch.seen(), [])
  },
})
