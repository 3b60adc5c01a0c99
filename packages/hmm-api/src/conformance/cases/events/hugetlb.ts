import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import { hugePages, mmapHuge } from '../range-fault/hugetlb.js'

export const description = `
What happens to huge pages of the reserved pool (hugetlb) happens to whole ones: a copy, a change of
protection, advice; a range that ends inside one is EINVAL. Events are as for other memory, but that fork
and mremap raise "clear", and that mprotect makes private pages read-only until the next write. A process
that mapped the memory never fails to get what it was promised; a child of it may.`

export const group = caseGroup('events/hugetlb', ['mirror', 'space.hugetlb'], {
  munmap: async (t) => {
    const pages = hugePages(t)
    const range = await mmapHuge(t, 2)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    await t.space.munmap(range.slice(pages, pages))
    equal(await watch.seen(), [`unmap ${pages}-${2 * pages - 1}`])
    equal(await t.peek(range, 0), 1)
  },

  'part-of-a-huge-page': async (t) => {
    const range = await mmapHuge(t, 1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const half = range.slice(0, range.pages / 2)
    await rejects('EINVAL', t.space.munmap(half), 'munmap')
    await rejects('EINVAL', t.space.mprotect(half, 'r'), 'mprotect')
    await rejects('EINVAL', t.space.madvise(range.slice(1, 1), 'dontneed'), 'madvise')
    equal(await watch.seen(), [])
    equal(await t.peek(range, 0), 1)
  },

  'advice-for-part-of-a-huge-page': async (t) => {
    const range = await mmapHuge(t, 1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    await t.space.madvise(range.slice(0, range.pages - 1), 'dontneed')
    equal(await watch.seen(), [])
    equal(await t.peek(range, 0), 1)
  },

  'map-part-of-a-huge-page': async (t) => {
    const pages = hugePages(t)
    await rejects(RangeError, t.mmap(pages - 1, { hugetlb: '2M' }), 'its length')
    const range = await mmapHuge(t, 1)
    await rejects(
      RangeError,
      t.mmap(pages, { hugetlb: '2M', at: range.page(1).start }),
      'its place',
    )
  },

  mprotect: async (t) => {
    const range = await mmapHuge(t, 1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const all = `protection-vma 0-${range.pages - 1}`
    await t.space.mprotect(range, 'r')
    equal(await watch.seen(), [all])
    await watch.forget()
    await t.space.mprotect(range, 'rw')
    equal(await watch.seen(), [all])
    equal(await watch.snapshot(range.page(0)), ['read'], 'a private page')
    await t.poke(range, 0, 2)
    equal(await watch.snapshot(range.page(0)), ['write'], 'a private page that was written again')
  },

  'mprotect-of-shared': async (t) => {
    const range = await mmapHuge(t, 1, true)
    await t.poke(range, 0, 1)
    await t.space.mprotect(range, 'r')
    await t.space.mprotect(range, 'rw')
    equal(await (await t.watch(range)).snapshot(range.page(0)), ['write'])
  },

  dontneed: async (t) => {
    const range = await mmapHuge(t, 1)
    await t.poke(range, 3, 1)
    const watch = await t.watch(range)
    await t.space.madvise(range, 'dontneed')
    equal(await watch.seen(), [`clear 0-${range.pages - 1}`])
    equal(await watch.snapshot(range.page(3)), ['none'])
    equal(await t.peek(range, 3), 0)
  },

  'remove-of-shared': async (t) => {
    const range = await mmapHuge(t, 1, true)
    await t.poke(range, 3, 1)
    const watch = await t.watch(range)
    await t.space.madvise(range, 'remove')
    equal(await watch.seen(), [`clear 0-${range.pages - 1}`])
    equal(await t.peek(range, 3), 0)
  },

  'what-does-not-apply': async (t) => {
    const range = await mmapHuge(t, 1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    await rejects('EINVAL', t.space.madvise(range, 'free'), 'free')
    await rejects('EINVAL', t.space.madvise(range, 'cold'), 'cold')
    await rejects('EACCES', t.space.madvise(range, 'remove'), 'remove of private memory')
    equal(await watch.seen(), [])
  },

  move: needing(['space.mremap'], async (t) => {
    const range = await mmapHuge(t, 1)
    await t.poke(range, 1, 1)
    const target = await mmapHuge(t, 1)
    const watch = await t.watch(range)
    const moved = await t.space.mremap(range, { to: target.start })
    const last = range.pages - 1
    equal((await watch.seen()).sort(), [`clear 0-${last}`, `unmap 0-${last}`])
    equal(await t.peek(moved, 1), 1)
    await t.poke(moved, 0, 2)
    await rejects('EFAULT', t.peek(range, 1), 'the old place')
  }),

  'grow-and-leave': needing(['space.mremap'], async (t) => {
    const pages = hugePages(t)
    const range = await mmapHuge(t, 1)
    await rejects('EINVAL', t.space.mremap(range, { pages: 2 * pages }), 'to grow')
    await rejects('EINVAL', t.space.mremap(range, { dontUnmap: true }), 'to leave it mapped')
    await t.poke(range, 0, 1)
  }),

  fork: needing(['space.fork'], async (t) => {
    const range = await mmapHuge(t, 2)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const child = await t.fork()
    equal(await watch.seen(), [`clear 0-${range.pages - 1}`])
    equal(await watch.snapshot(range.page(0)), ['read'])
    equal(await t.peek(range, 0, child), 1)
  }),

  'fork-of-shared': needing(['space.fork'], async (t) => {
    const range = await mmapHuge(t, 1, true)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const child = await t.fork()
    equal(await watch.seen(), [])
    await t.poke(range, 0, 2, child)
    equal(await t.peek(range, 0), 2)
  }),

  'copy-on-write': needing(['space.fork'], async (t) => {
    const range = await mmapHuge(t, 1)
    await t.fill(range.slice(0, 2), 1)
    const child = await t.fork()
    const watch = await t.watch(range)
    const childs = await t.watch(range, { space: child })
    await t.poke(range, 0, 9, child)
    equal(await childs.seen(), [`clear 0-${range.pages - 1}`], 'in the child')
    equal(await watch.seen(), [], 'in the parent')
    equal(await t.contents(range.slice(0, 2), child), [9, 2])
    await t.poke(range, 1, 8)
    equal(await watch.seen(), [], 'the parent writes what only it has')
    equal(await t.contents(range.slice(0, 2)), [1, 8])
  }),

  truncate: needing(['space.file'], async (t) => {
    const pages = hugePages(t)
    const file = t.own(await t.space.createFile({ pages: 2 * pages, hugetlb: '2M' }))
    const range = await t.mmap(2 * pages, { file, shared: true })
    await t.poke(range, 0, 1)
    await t.poke(range, pages, 2)
    const watch = await t.watch(range)
    await rejects('EINVAL', file.truncate(pages + 1), 'a part of a huge page')
    await file.truncate(pages)
    equal(await watch.seen(), [`clear ${pages}-${2 * pages - 1}`])
    equal(await t.peek(range, 0), 1)
    await rejects('EFAULT', t.peek(range, pages), 'what was cut off')
  }),

  'punch-hole': needing(['space.file'], async (t) => {
    const pages = hugePages(t)
    const file = t.own(await t.space.createFile({ pages: 2 * pages, hugetlb: '2M' }))
    const range = await t.mmap(2 * pages, { file, shared: true })
    await t.poke(range, 1, 1)
    await t.poke(range, 2 * pages - 1, 2)
    await t.poke(range, pages, 3)
    const watch = await t.watch(range)
    await file.punchHole(pages, pages)
    equal(await watch.seen(), [`clear ${pages}-${2 * pages - 1}`])
    equal([await t.peek(range, 1), await t.peek(range, pages)], [1, 0])
  }),

  'hole-in-part-of-a-huge-page': needing(['space.file'], async (t) => {
    const pages = hugePages(t)
    const file = t.own(await t.space.createFile({ pages, hugetlb: '2M' }))
    const range = await t.mmap(pages, { file, shared: true })
    await t.fill(range.slice(0, 3), 1)
    const watch = await t.watch(range)
    await file.punchHole(1, 1)
    equal(await watch.seen(), [])
    equal(await t.contents(range.slice(0, 3)), [1, 0, 3])
  }),

  'private-page-of-a-file': needing(['space.file'], async (t) => {
    const pages = hugePages(t)
    const file = t.own(await t.space.createFile({ pages, hugetlb: '2M' }))
    await t.poke(await t.mmap(pages, { file, shared: true }), 0, 1)
    const range = await t.mmap(pages, { file })
    equal(await t.peek(range, 0), 1)
    const watch = await t.watch(range)
    equal(await watch.snapshot(range.page(0)), ['read'])
    await t.poke(range, 0, 2)
    equal(await watch.seen(), [`clear 0-${pages - 1}`])
  }),

  'more-than-the-pool-has': async (t) => {
    const { total = 0 } = t.space.capabilities.require('space.hugetlb')
    const wanted = mmapHuge(t, total + 1)
    await rejects('ENOMEM', wanted)
  },

  // Mapped by one, whose promise holds; the child that shares it since the fork pays.
  'the-owner-gets-what-was-promised': needing(['space.fork'], async (t) => {
    const { total = 0 } = t.space.capabilities.require('space.hugetlb')
    const range = await mmapHuge(t, 1)
    await t.poke(range, 0, 1)
    const child = await t.fork()
    const rest = await mmapHuge(t, total - 1)
    const childs = await t.watch(range, { space: child })
    await t.poke(range, 0, 2)
    equal(await childs.seen(), [`clear 0-${range.pages - 1}`], 'in the child')
    await rejects('EFAULT', t.peek(range, 0, child), 'what the child had')
    equal(await t.peek(range, 0), 2)
    await t.space.munmap(rest)
  }),
})
