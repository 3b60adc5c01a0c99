import { equal } from '../../harness/check.js'
import { caseGroup } from '../../harness/case.js'

export const description = `
mprotect raises "protection-vma" in every direction, also when it only adds rights, over the pages
that it changes; nothing where nothing changes, and nothing where there are no page tables
(change_pud_range skips what is not there).`

const GIB = 2 ** 30

export const group = caseGroup('events/protection', ['mirror'], {
  'write-to-read': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.mprotect(range, 'r')
    equal(await watch.seen(), ['protection-vma 0-2'])
  },

  'read-to-write': async (t) => {
    const range = await t.mmap(2, { protection: 'r' })
    await t.contents(range)
    const watch = await t.watch(range)
    await t.space.mprotect(range, 'rw')
    equal(await watch.seen(), ['protection-vma 0-1'])
  },

  'write-to-none': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.mprotect(range, 'none')
    equal(await watch.seen(), ['protection-vma 0-1'])
  },

  'none-to-write': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.mprotect(range, 'none')
    const watch = await t.watch(range)
    await t.space.mprotect(range, 'rw')
    equal(await watch.seen(), ['protection-vma 0-1'])
    equal(await t.contents(range), [1, 2])
  },

  'of-a-part': async (t) => {
    const range = await t.mmap(4)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.mprotect(range.slice(1, 2), 'r')
    equal(await watch.seen(), ['protection-vma 1-2'])
  },

  // mprotect_fixup returns early when the flags are what they were.
  'no-change': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.mprotect(range, 'rw')
    equal(await watch.seen(), [])
  },

  'without-page-tables': async (t) => {
    const pages = (3 * GIB) / t.pageSize
    const large = await t.mmap(pages, { protection: 'none' })
    const watch = await t.watch(large.slice(pages / 2, 4))
    await t.space.mprotect(watch.range, 'r')
    equal(await watch.seen(), [])
  },
})
