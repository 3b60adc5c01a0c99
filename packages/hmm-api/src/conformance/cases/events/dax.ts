import type { MemoryFile } from '../../../objects/memory-file.js'
import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
A file in persistent memory is mapped itself, without a page cache (DAX). A range fault reports its pages
as any others, and holes as the zero page. Shared pages are read-only until their first write, and again after the file is synced,
which raises "protection-page". They do not migrate, and cannot be pinned for long.`

async function create(t: Scene, pages: number): Promise<MemoryFile> {
  return t.own(await t.space.createFile({ pages, dax: true }))
}

export const group = caseGroup('events/dax', ['mirror', 'space.dax'], {
  'read-and-written': async (t) => {
    const file = await create(t, 2)
    const range = await t.mmap(2, { file, shared: true })
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['none', 'none'])
    await t.contents(range)
    equal(await watch.snapshot(), ['read', 'read'], 'when it was read')
    await t.poke(range, 0, 1)
    equal(await watch.snapshot(), ['write', 'read'], 'when it was written')
    equal(await watch.seen(), [])
  },

  'read-and-written-as-a-file': async (t) => {
    const file = await create(t, 2)
    const range = await t.mmap(2, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await file.write(0, Uint8Array.of(7))
    equal([await t.contents(range), await watch.seen()], [[7, 2], []])
    await t.poke(range, 1, 8)
    equal(await file.read(t.pageSize, 1), [8])
  },

  faults: async (t) => {
    const file = await create(t, 2)
    const watch = await t.watch(await t.mmap(2, { file, shared: true }))
    equal(await watch.fault('read'), ['read', 'read'])
    equal(await watch.fault('write'), ['write', 'write'])
    equal(await watch.seen(), [])
  },

  'same-memory-everywhere': needing(['space.fork'], async (t) => {
    const file = await create(t, 1)
    const range = await t.mmap(1, { file, shared: true })
    const child = await t.fork()
    await t.poke(range, 0, 7, child)
    equal(await t.peek(range, 0), 7)
    const again = await t.mmap(1, { file, shared: true })
    equal(await t.peek(again, 0), 7)
  }),

  sync: async (t) => {
    const file = await create(t, 2)
    const range = await t.mmap(2, { file, shared: true })
    await t.poke(range, 1, 1)
    const watch = await t.watch(range)
    await file.sync()
    equal(await watch.seen(), ['protection-page 1'])
    equal(await watch.snapshot(range.page(1)), ['read'])
    await watch.forget()
    await t.poke(range, 1, 2)
    equal(await watch.seen(), [], 'the next write')
  },

  'private-copy': async (t) => {
    const file = await create(t, 1)
    await t.poke(await t.mmap(1, { file, shared: true }), 0, 3)
    const range = await t.mmap(1, { file })
    equal(await t.peek(range, 0), 3)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['read'])
    await t.poke(range, 0, 4)
    equal(await watch.seen(), ['clear 0'])
    equal(await watch.snapshot(), ['write'])
  },

  // All of the file is unmapped before it is cut (ext4_break_layouts), not only what goes.
  truncate: async (t) => {
    const file = await create(t, 2)
    const range = await t.mmap(2, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await file.truncate(1)
    equal(await watch.seen(), ['clear 0-1'])
    equal(await watch.snapshot(range.page(0)), ['none'])
    equal(await t.peek(range, 0), 1)
    await rejects('EFAULT', t.peek(range, 1))
  },

  'punch-hole': async (t) => {
    const file = await create(t, 2)
    const range = await t.mmap(2, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await file.punchHole(0, 1)
    equal(await watch.seen(), ['clear 0-1'])
    equal(await t.contents(range), [0, 2])
  },

  // Here too: what is added may lie where somebody still writes (ext4_setattr).
  grow: async (t) => {
    const file = await create(t, 2)
    const range = await t.mmap(3, { file, shared: true })
    await t.fill(range.slice(0, 2), 1)
    const watch = await t.watch(range)
    await file.truncate(3)
    equal(await watch.seen(), ['clear 0-2'])
    equal(await watch.snapshot(), ['none', 'none', 'none'])
    equal(await t.contents(range), [1, 2, 0])
  },

  'hole-is-the-zero-page': async (t) => {
    const file = await create(t, 2)
    await file.punchHole(0, 1)
    const watch = await t.watch(await t.mmap(2, { file, shared: true }))
    equal(await watch.fault('read'), ['read', 'read'])
    const [hole, memory] = await watch.commit((pages) => [pages.frame(0), pages.frame(1)])
    const untouched = await t.watch(await t.mmap(1))
    await untouched.fault('read')
    equal(await untouched.commit((pages) => pages.frame(0) === hole), true, 'the page of zeros')
    equal(hole === memory, false, 'the page of the file')
    equal(await watch.seen(), [])
  },

  // The zero page goes wherever the hole was read (dax_insert_entry, by way of pfn_mkwrite).
  'hole-that-is-filled': async (t) => {
    const file = await create(t, 2)
    await file.punchHole(0, 2)
    const one = await t.watch(await t.mmap(2, { file, shared: true }))
    const two = await t.watch(await t.mmap(2, { file, shared: true }))
    equal(
      [await t.contents(one.range), await t.contents(two.range)],
      [
        [0, 0],
        [0, 0],
      ],
    )
    await t.poke(one.range, 1, 7)
    equal([await one.seen(), await two.seen()], [['clear 1'], ['clear 1']])
    equal(
      [await one.snapshot(), await two.snapshot()],
      [
        ['read', 'write'],
        ['read', 'none'],
      ],
    )
    equal(await t.contents(two.range), [0, 7])
  },

  'hole-that-a-device-writes': async (t) => {
    const file = await create(t, 2)
    await file.punchHole(0, 1)
    const watch = await t.watch(await t.mmap(2, { file, shared: true }))
    equal(await watch.fault('read'), ['read', 'read'])
    equal(await watch.fault('write'), ['write', 'write'])
    equal(await watch.seen(), ['clear 0'], 'only the hole')
  },

  'hole-that-is-written-as-a-file': async (t) => {
    const file = await create(t, 2)
    await file.punchHole(0, 2)
    const range = await t.mmap(2, { file, shared: true })
    const watch = await t.watch(range)
    equal(await t.contents(range), [0, 0])
    await file.write(t.pageSize, Uint8Array.of(7))
    equal([await watch.seen(), await watch.snapshot()], [['clear 1'], ['read', 'none']])
    equal(await t.contents(range), [0, 7])
  },

  'private-copy-of-a-hole': async (t) => {
    const file = await create(t, 1)
    await file.punchHole(0, 1)
    const range = await t.mmap(1, { file })
    const watch = await t.watch(range)
    equal([await t.peek(range, 0), await watch.snapshot()], [0, ['read']])
    await t.poke(range, 0, 4)
    equal([await watch.seen(), await watch.snapshot()], [['clear 0'], ['write']])
    equal([await t.peek(range, 0), await file.read(0, 1)], [4, [0]])
  },

  // Only what was written through mappings since the last time is protected again.
  'sync-of-what-is-clean': async (t) => {
    const file = await create(t, 2)
    const range = await t.mmap(2, { file, shared: true })
    await t.contents(range)
    await file.write(0, Uint8Array.of(5))
    const watch = await t.watch(range)
    await file.sync()
    equal(await watch.seen(), [])
  },

  'remove-of-shared': async (t) => {
    const file = await create(t, 2)
    const range = await t.mmap(2, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.madvise(range.page(1), 'remove')
    equal(await watch.seen(), ['clear 0-1'])
    equal(await t.contents(range), [1, 0])
  },

  'not-swapped': needing(['space.pageout'], async (t) => {
    const file = await create(t, 1)
    const range = await t.mmap(1, { file, shared: true })
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    await t.space.madvise(range, 'pageout')
    equal(await watch.seen(), [])
    equal(await watch.snapshot(), ['write'])
  }),

  'not-migrated': needing(['memory'], async (t) => {
    const file = await create(t, 1)
    const range = await t.mmap(1, { file, shared: true })
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    await rejects('EINVAL', t.device.memory.migrate(watch.mirror, range, { to: 'device' }))
  }),

  'not-pinned-for-long': needing(['space.pin'], async (t) => {
    const file = await create(t, 1)
    const range = await t.mmap(1, { file, shared: true })
    await rejects('EOPNOTSUPP', t.space.pin(range))
  }),

  // dax_break_layout: what is about to go is unmapped first, and then waits for who still has it.
  'cut-waits-for-who-has-its-pages': needing(['space.pin', 'space.fork'], async (t) => {
    const file = await create(t, 2)
    const range = await t.mmap(2, { file, shared: true })
    await t.fill(range, 1)
    const child = await t.fork()
    for (const cut of [() => file.punchHole(0, 1), () => file.truncate(1)]) {
      const pinned = t.own(await child.pin(range.page(1), { longTerm: false }))
      await t.peek(range, 1)
      const watch = await t.watch(range)
      let ended = false
      const cutting = cut().then(() => void (ended = true))
      while ((await watch.seen()).length === 0) await t.device.clock.sleep(1)
      equal([await watch.seen(), await watch.snapshot()], [['clear 0-1'], ['none', 'none']])
      equal(ended, false, 'whether it ended while the page was pinned')
      await pinned.close()
      await cutting
    }
    await rejects('EFAULT', t.peek(range, 1))
  }),

  'not-served-by-userfaultfd': needing(['space.userfaultfd'], async (t) => {
    const file = await create(t, 1)
    const range = await t.mmap(1, { file, shared: true })
    await rejects('EINVAL', t.space.userfaultfd(range, { missing: true }))
  }),

  'mapped-for-a-device': needing(['dma.mirror', 'engine'], async (t) => {
    const file = await create(t, 2)
    const range = await t.mmap(2, { file, shared: true })
    const watch = await t.watch(range)
    const device = await watch.map('write')
    await device.poke(1, 9)
    equal(await t.peek(range, 1), 9)
    await file.truncate(1)
    await t.refused(device.poke(1, 8))
  }),
})
