import { equal } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
fork takes the right to write private pages from the parent: "protection-page" over areas that have
private pages of their own; shared memory and untouched areas raise nothing (vma_needs_copy). A write
that copies a page, or replaces the zero page, raises "clear" for that page (wp_page_copy); a first
touch and a read raise nothing.`

export const group = caseGroup('events/copy-on-write', ['mirror'], {
  fork: needing(['space.fork'], async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.fork()
    equal(await watch.seen(), ['protection-page 0-2'])
  }),

  // The whole area is concerned, not only the pages that are there.
  'fork-with-one-page': needing(['space.fork'], async (t) => {
    const range = await t.mmap(3)
    await t.poke(range, 1, 1)
    const watch = await t.watch(range)
    await t.fork()
    equal(await watch.seen(), ['protection-page 0-2'])
  }),

  'fork-untouched': needing(['space.fork'], async (t) => {
    const watch = await t.watch(await t.mmap(2))
    await t.fork()
    equal(await watch.seen(), [])
  }),

  'fork-of-shared-memory': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2, { shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.fork()
    equal(await watch.seen(), [])
  }),

  'fork-of-a-file': needing(['space.fork', 'space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(1, { file, shared: true })
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    await t.fork()
    equal(await watch.seen(), [])
  }),

  dontfork: needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.madvise(range, 'dontfork')
    const watch = await t.watch(range)
    await t.fork()
    equal(await watch.seen(), [])
  }),

  'write-of-the-parent': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const child = await t.fork()
    const watch = await t.watch(range)
    await t.poke(range, 1, 9)
    equal(await watch.seen(), ['clear 1'])
    equal(await t.contents(range, child), [1, 2], 'what the child reads')
  }),

  'write-of-the-child': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const child = await t.fork()
    const parents = await t.watch(range)
    const childs = await t.watch(range, { space: child })
    await t.poke(range, 0, 9, child)
    equal(await childs.seen(), ['clear 0'], 'what the child is told')
    equal(await parents.seen(), [], 'what the parent is told')
  }),

  'child-unmaps': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const child = await t.fork()
    const watch = await t.watch(range)
    await child.munmap(range)
    equal(await watch.seen(), [])
  }),

  'write-to-the-zero-page': async (t) => {
    const range = await t.mmap(2)
    await t.contents(range)
    const watch = await t.watch(range)
    await t.poke(range, 1, 1)
    equal(await watch.seen(), ['clear 1'])
  },

  'first-write': async (t) => {
    const watch = await t.watch(await t.mmap(2))
    await t.fill(watch.range, 1)
    equal(await watch.seen(), [])
  },

  'first-read': async (t) => {
    const watch = await t.watch(await t.mmap(2))
    await t.contents(watch.range)
    equal(await watch.seen(), [])
  },

  'present-pages': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.contents(range)
    await t.fill(range, 5)
    equal(await watch.seen(), [])
  },

  'private-file-copy': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(1, { file })
    await t.peek(range, 0)
    const watch = await t.watch(range)
    await t.poke(range, 0, 1)
    equal(await watch.seen(), ['clear 0'])
  }),
})
