import type { VirtualRange } from '../../../address/virtual-range.js'
import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
Asking which pages were written (PAGEMAP_SCAN) write-protects them again: "protection-vma" over the whole range,
whatever is there. The next write of a page is noted, and nobody waits for it.`

/** Notes writes to `range`, from now on. */
async function noting(t: Scene, range: VirtualRange) {
  const notes = t.own(await t.space.userfaultfd(range, { writeProtect: 'async' }))
  await notes.scan(range)
  return notes
}

export const group = caseGroup('events/pagemap-scan', ['mirror', 'space.userfaultfd.async'], {
  scan: async (t) => {
    const range = await t.mmap(3)
    await t.fill(range.slice(0, 2), 1)
    const watch = await t.watch(range)
    const notes = t.own(await t.space.userfaultfd(range, { writeProtect: 'async' }))
    equal(await watch.seen(), [], 'what registering raises')
    equal(await notes.scan(range), [true, true, true], 'nothing is protected yet')
    equal(await watch.seen(), ['protection-vma 0-2'])
    equal(await watch.snapshot(), ['read', 'read', 'none'])
    await watch.forget()
    await t.poke(range, 1, 9)
    equal(await watch.seen(), [], 'what the write raises')
    equal(await watch.snapshot(), ['read', 'write', 'none'])
    equal(await notes.scan(range), [false, true, false])
    equal(await watch.seen(), ['protection-vma 0-2'], 'one event over all of it')
    equal(await watch.snapshot(), ['read', 'read', 'none'])
    equal(await t.contents(range), [1, 9, 0])
  },

  'read-is-no-write': async (t) => {
    const range = await t.mmap(2)
    await t.poke(range, 0, 1)
    const notes = await noting(t, range)
    equal(await t.contents(range), [1, 0])
    equal(await notes.scan(range), [false, false])
    await t.poke(range, 1, 2)
    equal(await notes.scan(range), [false, true], 'the zero page that was replaced')
  },

  'the-first-write': async (t) => {
    const range = await t.mmap(1)
    const notes = await noting(t, range)
    const watch = await t.watch(range)
    await t.poke(range, 0, 1)
    equal(await watch.seen(), [])
    equal(await watch.snapshot(), ['write'])
    equal(await notes.scan(range), [true])
  },

  'dropped-pages-count-as-written': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const notes = await noting(t, range)
    await t.space.madvise(range.page(0), 'dontneed')
    equal(await notes.scan(range), [true, false])
    equal(await notes.scan(range), [false, false], 'now it is marked')
  },

  'a-device-that-faults-for-writing': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const notes = await noting(t, range)
    const watch = await t.watch(range)
    equal(await watch.fault('read', range.page(0)), ['read'])
    equal(await watch.fault('write', range.page(1)), ['write'])
    equal(await watch.seen(), [])
    equal(await notes.scan(range), [false, true, false])
  },

  'revokes-a-device': needing(['dma.mirror', 'engine'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const notes = await noting(t, range)
    const device = await watch.map('write')
    await device.poke(0, 5)
    equal(await notes.scan(range), [true])
    await t.refused(device.poke(0, 6))
    equal(await t.peek(range, 0), 5)
    equal(await notes.scan(range), [false], 'a write that was refused')
  }),

  'copy-on-write': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const notes = await noting(t, range)
    const child = await t.fork()
    const watch = await t.watch(range)
    await t.poke(range, 0, 9)
    equal(await watch.seen(), ['clear 0'])
    equal(await notes.scan(range), [true, false])
    await t.poke(range, 1, 8, child)
    equal(await notes.scan(range), [false, false], 'what the child writes')
    equal(await t.contents(range, child), [1, 8])
  }),

  'shared-memory': async (t) => {
    const range = await t.mmap(2, { shared: true })
    await t.fill(range, 1)
    const notes = await noting(t, range)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['read', 'read'])
    await t.poke(range, 0, 5)
    equal(await watch.snapshot(), ['write', 'read'])
    equal(await notes.scan(range), [true, false])
    equal(await watch.seen(), ['protection-vma 0-1'])
  },

  'file-on-a-disk': needing(['space.disk'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2, disk: true }))
    const range = await t.mmap(2, { file, shared: true })
    await t.fill(range, 1)
    const notes = await noting(t, range)
    await t.poke(range, 1, 5)
    equal(await notes.scan(range), [false, true])
    equal(await t.contents(range), [1, 5])
  }),

  'swapped-out': needing(['space.pageout'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const notes = await noting(t, range)
    await t.space.madvise(range, 'pageout')
    equal(await notes.scan(range), [false, false])
    equal(await t.peek(range, 0), 1)
    equal(await notes.scan(range), [false, false], 'what is read back')
    await t.poke(range, 1, 5)
    equal(await notes.scan(range), [false, true])
    equal(await t.contents(range), [1, 5])
  }),

  // Protected one by one, a part of a huge page is not mapped as one any more.
  'part-of-a-huge-page': needing(['space.hugepage'], async (t) => {
    const block = await hugePage(t)
    const notes = t.own(await t.space.userfaultfd(block, { writeProtect: 'async' }))
    const watch = await t.watch(block)
    const part = block.slice(3, 2)
    equal(await notes.scan(part), [true, true])
    equal(await watch.seen(), ['protection-vma 3-4', `clear 0-${block.pages - 1}`])
    equal((await watch.snapshot()).slice(2, 6), ['write', 'read', 'read', 'write'])
  }),

  'huge-page': needing(['space.hugepage'], async (t) => {
    const block = await hugePage(t)
    const notes = t.own(await t.space.userfaultfd(block, { writeProtect: 'async' }))
    const watch = await t.watch(block)
    const written = await notes.scan(block)
    equal(written.every(Boolean), true, 'whether all of it was written')
    equal(await watch.seen(), [`protection-vma 0-${block.pages - 1}`])
    await watch.forget()
    await t.poke(block, 5, 9)
    equal(await watch.seen(), [`clear 0-${block.pages - 1}`], 'a write splits it')
    const after = await notes.scan(block)
    equal(
      after.flatMap((each, index) => (each ? [index] : [])),
      [5],
    )
  }),

  hugetlb: needing(['space.hugetlb'], async (t) => {
    const pages = (2 * 2 ** 20) / t.pageSize
    const range = await t.mmap(pages * 2, { hugetlb: '2M' })
    await t.poke(range, 0, 1)
    const notes = t.own(await t.space.userfaultfd(range, { writeProtect: 'async' }))
    const all = (written: boolean[]) => [written[0], written[pages - 1], written[pages]]
    equal(all(await notes.scan(range)), [true, true, false], 'what is there')
    equal(all(await notes.scan(range)), [false, false, false])
    await t.poke(range, 3, 1)
    equal(all(await notes.scan(range)), [true, true, false], 'all of a huge page')
  }),

  // A page that comes back writable has lost its mark (remove_migration_pte).
  'page-of-a-device': needing(['memory.private'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const notes = t.own(await t.space.userfaultfd(range, { writeProtect: 'async' }))
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' })
    await watch.forget()
    equal(await notes.scan(range), [true])
    equal(await watch.seen(), ['protection-vma 0'])
    equal(await notes.scan(range), [false], 'a page that is marked')
    equal(await t.peek(range, 0), 1)
    equal(await notes.scan(range), [true], 'a page that came back')
    equal(await notes.scan(range), [false])
  }),

  'beyond-what-is-registered': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const notes = await noting(t, range.page(1))
    const watch = await t.watch(range)
    await t.fill(range, 5)
    equal(await notes.scan(range), [false, true, false])
    equal(await watch.seen(), ['protection-vma 0-2'], 'it is told of all that is looked at')
    equal(await watch.snapshot(), ['write', 'read', 'write'])
  },

  'nobody-notes-any-more': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const notes = await noting(t, range)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['read'])
    await notes.close()
    equal(await watch.seen(), ['protection-vma 0'])
    equal(await watch.snapshot(), ['write'])
  },

  'only-where-writes-are-noted': needing(['space.userfaultfd'], async (t) => {
    const range = await t.mmap(1)
    const serving = t.own(await t.space.userfaultfd(range, { writeProtect: true }))
    await rejects('EINVAL', serving.scan(range), 'a scan by who serves writes')
  }),
})

/** Memory in one huge page, written. */
async function hugePage(t: Scene): Promise<VirtualRange> {
  const pages = t.pageSize / 8
  const room = await t.mmap(2 * pages)
  const first = (pages - (room.startPage % pages)) % pages
  const block = room.slice(first, pages)
  await t.fill(block.page(0), 1)
  await t.space.madvise(block, 'collapse')
  return block
}
