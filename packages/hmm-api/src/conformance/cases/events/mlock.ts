import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Locking memory raises nothing: what is missing is faulted in, as by a write where memory is private. Locked
pages are not reclaimed and take no advice that drops them, but for "dontneed-locked".`

export const group = caseGroup('events/mlock', ['mirror', 'space.mlock'], {
  lock: async (t) => {
    const range = await t.mmap(3)
    await t.fill(range.slice(0, 2), 1)
    const watch = await t.watch(range)
    await t.space.mlock(range)
    equal(await watch.seen(), [])
    equal(await watch.snapshot(), ['write', 'write', 'write'])
    await t.space.munlock(range)
    equal(await watch.seen(), [], 'what unlocking raises')
    equal(await t.contents(range), [1, 2, 0])
  },

  'shared-memory': async (t) => {
    const range = await t.mmap(2, { shared: true })
    const watch = await t.watch(range)
    await t.space.mlock(range)
    equal(await watch.seen(), [])
    equal(
      (await watch.snapshot()).map((state) => state !== 'none'),
      [true, true],
      'whether the pages are there',
    )
  },

  // Private memory is faulted in for writing (populate_vma_page_range).
  'makes-copies': needing(['space.fork'], async (t) => {
    const range = await t.mmap(3)
    await t.fill(range.slice(0, 2), 1)
    await t.fork()
    await t.poke(range, 1, 9)
    await t.peek(range, 2)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['read', 'write', 'read'])
    await t.space.mlock(range)
    equal(await watch.seen(), ['clear 0,2'], 'the shared page and the zero page')
    equal(await watch.snapshot(), ['write', 'write', 'write'])
    equal(await t.contents(range), [1, 9, 0])
  }),

  // Locked pages do not wait for a write to become the process's own (mprotect_fixup).
  'made-writable': async (t) => {
    const range = await t.mmap(2, { protection: 'r' })
    await t.space.mlock(range)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['read', 'read'])
    await t.space.mprotect(range, 'rw')
    equal(await watch.seen(), ['protection-vma 0-1', 'clear 0-1'])
    equal(await watch.snapshot(), ['write', 'write'])
  },

  'advice-that-drops-pages': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.mlock(range.page(1))
    const watch = await t.watch(range)
    for (const advice of ['dontneed', 'free', 'cold'] as const) {
      await rejects('EINVAL', t.space.madvise(range.page(1), advice), advice)
    }
    equal(await watch.seen(), [])
    equal(await t.contents(range), [1, 2])
  },

  'advice-up-to-what-is-locked': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    await t.space.mlock(range.page(1))
    const watch = await t.watch(range)
    await rejects('EINVAL', t.space.madvise(range, 'dontneed'), 'advice for all of it')
    equal(await watch.seen(), ['clear 0'])
    equal(await t.contents(range), [0, 2, 3])
  },

  'remove-of-shared-memory': async (t) => {
    const range = await t.mmap(1, { shared: true })
    await t.poke(range, 0, 1)
    await t.space.mlock(range)
    const watch = await t.watch(range)
    await rejects('EINVAL', t.space.madvise(range, 'remove'), 'a hole')
    equal(await watch.seen(), [])
    equal(await t.peek(range, 0), 1)
  },

  'guards-do-not-replace-it': needing(['space.guard'], async (t) => {
    const range = await t.mmap(1)
    await t.space.mlock(range)
    const watch = await t.watch(range)
    await rejects('EINVAL', t.space.madvise(range, 'guard-install'), 'a guard')
    equal(await watch.seen(), [])
  }),

  'dontneed-locked': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    await t.space.mlock(range.slice(0, 2))
    const watch = await t.watch(range)
    await t.space.madvise(range.slice(1, 2), 'dontneed-locked')
    equal(await watch.seen(), ['clear 1-2'])
    equal(await watch.snapshot(), ['write', 'none', 'none'])
    equal(await t.contents(range), [1, 0, 0])
  },

  'dontneed-locked-of-a-device': needing(['dma.mirror', 'engine'], async (t) => {
    const range = await t.mmap(1)
    const watch = await t.watch(range)
    const device = await watch.map('write')
    await t.space.mlock(range)
    await device.poke(0, 5)
    equal(await t.peek(range, 0), 5, 'what the device writes to the page that is locked')
    await t.space.madvise(range, 'dontneed-locked')
    await t.refused(device.poke(0, 6))
    equal(await t.peek(range, 0), 0)
  }),

  // Reclaim passes over it, in whoever's mapping it is asked for (folio_test_unevictable).
  'is-not-reclaimed': needing(['space.pageout'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await t.space.mlock(range)
    const watch = await t.watch(range)
    await rejects('EINVAL', t.space.madvise(range, 'pageout'), 'reclaim')
    equal(await watch.seen(), [])
    await t.space.munlock(range)
    await t.space.madvise(range, 'pageout')
    equal(await watch.seen(), ['clear 0'])
    equal(await watch.snapshot(), ['none'])
    equal(await t.peek(range, 0), 1)
  }),

  'a-child-locks-nothing': needing(['space.fork'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await t.space.mlock(range)
    const child = await t.fork()
    const watch = await t.watch(range, { space: child })
    await child.madvise(range, 'dontneed')
    equal(await watch.seen(), ['clear 0'])
    await rejects('EINVAL', t.space.madvise(range, 'dontneed'), 'the parent')
  }),

  'grows-with-what-is-there': needing(['space.mremap'], async (t) => {
    const range = await t.mmap(2)
    await t.space.munmap(range.page(1))
    await t.space.mlock(range.page(0))
    const grown = await t.space.mremap(range.page(0), { pages: 2, mayMove: false })
    const watch = await t.watch(grown)
    equal(await watch.snapshot(), ['write', 'write'])
  }),

  hole: async (t) => {
    const range = await t.mmap(3)
    await t.space.munmap(range.page(1))
    await rejects('ENOMEM', t.space.mlock(range), 'a range with a hole')
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['none', 'error', 'none'])
    await rejects('EINVAL', t.space.madvise(range.page(0), 'dontneed'), 'what comes before it')
    await t.space.madvise(range.page(2), 'dontneed')
  },

  'without-a-right': async (t) => {
    const range = await t.mmap(2)
    await t.space.mprotect(range.page(1), 'none')
    await rejects('ENOMEM', t.space.mlock(range), 'memory that nobody can touch')
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['write', 'error'])
    await rejects('EINVAL', t.space.madvise(range, 'dontneed'), 'it is locked all the same')
  },
})
