import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

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

  // Reclaim unmaps the pages (try_to_unmap); they come back with their data when they are used.
  pageout: needing(['space.pageout'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.madvise(range, 'pageout')
    equal(await watch.seen(), ['clear 0-1'])
    equal(await watch.snapshot(), ['none', 'none'])
    await watch.fault('read')
    equal(await t.contents(range), [1, 2])
  }),

  // It is read into the swap cache, and mapped by who touches it.
  'willneed-of-what-is-swapped': needing(['space.pageout'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.madvise(range, 'pageout')
    const watch = await t.watch(range)
    await t.space.madvise(range, 'willneed')
    equal(await watch.snapshot(), ['none', 'none'])
    equal(await t.contents(range), [1, 2])
    equal(await watch.snapshot(), ['write', 'write'])
    equal(await watch.seen(), [])
  }),

  // Nothing that advice is for (VM_PFNMAP).
  'of-registers': needing(['space.driver-pages'], async (t) => {
    const range = await t.mmap(1, { driverPages: 'io', protection: 'r', shared: true })
    for (const advice of ['dontneed', 'dontneed-locked', 'free', 'cold'] as const) {
      await rejects('EINVAL', t.space.madvise(range, advice), advice)
    }
    equal(await t.peek(range, 0), 0)
  }),

  // Guards replace what was there; where nothing was, nobody needs to hear of them.
  guard: needing(['space.guard'], async (t) => {
    const range = await t.mmap(3)
    await t.fill(range.slice(0, 2), 1)
    const watch = await t.watch(range)
    await t.space.madvise(range.page(1), 'guard-install')
    equal(await watch.seen(), ['clear 1'])
    await t.space.madvise(range.page(2), 'guard-install')
    equal(await watch.seen(), ['clear 1'], 'the events after one where nothing was')
    equal(await watch.snapshot(), ['write', 'none', 'none'])
    await rejects('EFAULT', t.peek(range, 1), 'a touch')
    await rejects('EFAULT', watch.fault('read', range.page(1)), 'a fault')
    await rejects('EFAULT', watch.fault('read', range.page(2)), 'a fault where nothing was')
    equal(await watch.fault('read', range.page(0)), ['write'], 'beside it')
  }),

  'guard-removed': needing(['space.guard'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await t.space.madvise(range, 'guard-install')
    const watch = await t.watch(range)
    await t.space.madvise(range, 'guard-remove')
    equal(await watch.seen(), [])
    equal(await t.peek(range, 0), 0)
  }),

  // The child of a mapping with guards gets its page tables at once: a fault would find no guard
  // (vma_needs_copy).
  'guards-of-shared-memory-in-a-child': needing(['space.guard', 'space.fork'], async (t) => {
    const range = await t.mmap(3, { shared: true })
    await t.fill(range.slice(0, 2), 1)
    await t.space.madvise(range.page(1), 'guard-install')
    const watch = await t.watch(range)
    const child = await t.fork()
    equal(await watch.seen(), [], 'what the fork invalidates')
    equal(await watch.snapshot(), ['write', 'none', 'none'])
    const inChild = await t.watch(range, { space: child })
    equal(await inChild.snapshot(), ['write', 'none', 'none'], 'what the child has at once')
    await rejects('EFAULT', t.peek(range, 1, child), 'a touch by the child')
    equal([await t.peek(range, 0, child), await t.peek(range, 2, child)], [1, 0])
  }),

  // A page whose memory breaks is taken away for good (memory_failure, try_to_unmap).
  hwpoison: needing(['space.memory-failure'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.madvise(range.page(1), 'hwpoison')
    equal(await watch.seen(), ['clear 1'])
    equal(await watch.snapshot(), ['write', 'none'])
    await rejects('EFAULT', watch.fault('read', range.page(1)), 'a fault')
    await rejects('EFAULT', t.peek(range, 1), 'a touch')
    equal(await t.peek(range, 0), 1)
  }),

  // A page that moves to other memory (try_to_migrate), as by compaction.
  'soft-offline': needing(['space.memory-failure'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const frame = () => watch.commit((pages) => pages.frame(1))
    const before = await frame()
    await t.space.madvise(range.page(1), 'soft-offline')
    equal(await watch.seen(), ['clear 1'])
    equal(await watch.snapshot(), ['write', 'write'])
    ok((await frame()) !== before, 'the page is in another frame')
    equal(await t.contents(range), [1, 2])
  }),

  'moved-under-a-device': needing(['space.memory-failure', 'dma.mirror', 'engine'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const device = await watch.map('write')
    await device.poke(0, 5)
    await t.space.madvise(range, 'soft-offline')
    await t.refused(device.poke(0, 6))
    equal(await t.peek(range, 0), 5)
  }),

  // The swap cache: whoever reads the page back second finds the first one's (do_swap_page).
  'pageout-before-a-fork': needing(['space.pageout', 'space.fork'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await t.space.madvise(range, 'pageout')
    const child = await t.fork()
    const both = [await t.watch(range), await t.watch(range, { space: child })]
    const frames = []
    for (const watch of both) {
      equal(await watch.fault('read'), ['read'])
      frames.push(await watch.commit((pages) => pages.frame(0)))
    }
    equal(frames[0] === frames[1], true, 'whether both have the same page')
    await t.poke(range, 0, 2)
    equal(await both[0]!.seen(), ['clear 0'], 'the copy for who writes')
    equal([await t.peek(range, 0), await t.peek(range, 0, child)], [2, 1])
  }),

  // The reverse map of a file meets a child just behind its parent, before those that came earlier, and
  // ends with the last mapping of the page (dup_mmap, try_to_unmap).
  'pageout-of-what-a-child-shares': needing(['space.pageout', 'space.fork'], async (t) => {
    const range = await t.mmap(1, { shared: true })
    const older = await t.fork()
    const younger = await t.fork()
    const watches = []
    for (const space of [t.space, older, younger]) watches.push(await t.watch(range, { space }))
    await t.poke(range, 0, 1, younger)
    await younger.madvise(range, 'pageout')
    const seen = []
    for (const watch of watches) seen.push((await watch.seen()).join())
    equal(seen, ['clear 0', '', 'clear 0'], 'the parent, the older and the younger child')
    equal(await t.peek(range, 0), 1)
  }),

  // Reclaim finds out that the page is needed again, and leaves it this time (try_to_unmap_one).
  'free-then-written': needing(['space.pageout'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await t.space.madvise(range, 'free')
    await t.poke(range, 0, 2)
    const watch = await t.watch(range)
    await t.space.madvise(range, 'pageout')
    equal(await watch.seen(), ['clear 0'])
    equal(await watch.snapshot(), ['write'])
    await t.space.madvise(range, 'pageout')
    equal(await watch.snapshot(), ['none'])
    equal(await t.peek(range, 0), 2)
  }),

  // What the device wrote counts as dirty: a page given up by "free" is not dropped any more.
  'free-then-written-by-the-device': needing(
    ['space.pageout', 'dma.mirror', 'engine'],
    async (t) => {
      const range = await t.mmap(1)
      await t.poke(range, 0, 1)
      await t.space.madvise(range, 'free')
      const watch = await t.watch(range)
      await (await watch.map('write')).poke(0, 7)
      watch.mirror.unmap(range)
      await t.space.madvise(range, 'pageout')
      equal(await t.peek(range, 0), 7)
    },
  ),
})
