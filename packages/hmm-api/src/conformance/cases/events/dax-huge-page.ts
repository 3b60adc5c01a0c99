import type { VirtualRange } from '../../../address/virtual-range.js'
import type { MemoryFile } from '../../../objects/memory-file.js'
import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { Watch } from '../../harness/watch.js'

export const description = `
A block of a file in persistent memory that is one piece of memory, or one hole, is mapped as one
(dax_iomap_pmd_fault): a range fault reports its order, also that of the huge zero page. What changes a part
of the mapping drops all of it, with "clear" over it: a fault finds the file's pages again.`

/** Pages of a block: what one page of the lowest page table maps. */
const pagesOf = (t: Scene): number => t.pageSize / 8

const orderOf = (t: Scene): number => Math.log2(pagesOf(t))

const allOf = (t: Scene): string => `0-${pagesOf(t) - 1}`

/** A file of one block, and a mapping of it where it can be mapped as one. */
async function create(
  t: Scene,
  options: { hole?: boolean; shared?: boolean } = {},
): Promise<{ file: MemoryFile; range: VirtualRange; watch: Watch }> {
  const { hole = false, shared = true } = options
  const file = t.own(await t.space.createFile({ pages: pagesOf(t), dax: true }))
  if (hole) await file.punchHole(0, pagesOf(t))
  const range = await t.mmap(pagesOf(t), { file, shared })
  return { file, range, watch: await t.watch(range) }
}

/** What is at the first page, in the middle and at the last page. */
async function states(watch: Watch): Promise<string[]> {
  const { range } = watch
  const found = []
  for (const index of [0, range.pages / 2, range.pages - 1]) {
    found.push(...(await watch.snapshot(range.page(index))))
  }
  return found
}

/** The order of the first page, when all pages are asked for. */
const order = (watch: Watch): Promise<number> => watch.commit((pages) => pages.order(0))

/** Another place for as many pages, so many pages after one where a block can be. */
async function placeFor(t: Scene, pages: number, after: number): Promise<VirtualRange> {
  const area = await t.mmap(3 * pages, { protection: 'none' })
  const offset = (pages - (area.startPage % pages)) % pages
  return area.slice(offset + after, pages)
}

const NONE = ['none', 'none', 'none']
const READ = ['read', 'read', 'read']
const WRITE = ['write', 'write', 'write']

export const group = caseGroup('events/dax-huge-page', ['mirror', 'space.dax'], {
  'read-then-written': async (t) => {
    const { range, watch } = await create(t)
    equal(await states(watch), NONE)
    equal(await t.peek(range, 1), 0)
    equal([await states(watch), await order(watch)], [READ, orderOf(t)], 'when it was read')
    await t.poke(range, 1, 7)
    equal([await states(watch), await order(watch)], [WRITE, orderOf(t)], 'when it was written')
    equal([await watch.seen(), await t.peek(range, 0), await t.peek(range, 1)], [[], 0, 7])
  },

  'order-of-what-is-asked-for': async (t) => {
    const { range, watch } = await create(t)
    await t.poke(range, 0, 1)
    const half = range.slice(0, range.pages / 2)
    equal(await watch.commit((pages) => pages.order(0), {}, half), orderOf(t) - 1)
  },

  faults: async (t) => {
    const { range, watch } = await create(t)
    equal(await watch.fault('read', range.page(2)), ['read'])
    equal([await states(watch), await order(watch)], [READ, orderOf(t)], 'a fault of one page')
    equal(await watch.fault('write', range.page(3)), ['write'])
    equal([await states(watch), await order(watch)], [WRITE, orderOf(t)], 'a write fault of one')
    equal(await watch.seen(), [])
  },

  populated: async (t) => {
    const { file } = await create(t)
    const range = await t.mmap(pagesOf(t), { file, shared: true, populate: true })
    const watch = await t.watch(range)
    equal([await states(watch), await order(watch)], [READ, orderOf(t)])
  },

  'hole-is-the-huge-zero-page': async (t) => {
    const { range, watch } = await create(t, { hole: true })
    equal(await t.peek(range, 3), 0)
    equal([await states(watch), await order(watch)], [READ, orderOf(t)])
    equal(await watch.seen(), [])
  },

  // The zero page goes wherever the hole was read (dax_insert_entry).
  'hole-that-is-filled': async (t) => {
    const { file, range, watch } = await create(t, { hole: true })
    const other = await t.watch(await t.mmap(pagesOf(t), { file, shared: true }))
    equal([await t.peek(range, 3), await t.peek(other.range, 3)], [0, 0])
    await t.poke(range, 3, 7)
    equal([await watch.seen(), await other.seen()], [[`clear ${allOf(t)}`], [`clear ${allOf(t)}`]])
    equal([await states(watch), await order(watch)], [WRITE, orderOf(t)], 'who filled it')
    equal(await states(other), NONE, 'the other mapping')
    equal([await t.peek(range, 2), await t.peek(other.range, 3)], [0, 7])
  },

  'hole-that-was-never-read': async (t) => {
    const { range, watch } = await create(t, { hole: true })
    await t.poke(range, 3, 7)
    equal([await states(watch), await order(watch)], [WRITE, orderOf(t)])
    equal([await watch.seen(), await t.peek(range, 2)], [[], 0])
  },

  'hole-that-a-device-writes': async (t) => {
    const { range, watch } = await create(t, { hole: true })
    equal(await watch.fault('read', range.page(1)), ['read'])
    equal(await watch.fault('write', range.page(1)), ['write'])
    equal(await watch.seen(), [`clear ${allOf(t)}`])
    equal([await states(watch), await order(watch)], [WRITE, orderOf(t)])
  },

  // Now a part of the block is memory, and the rest a hole: that is mapped page by page.
  'hole-that-is-written-as-a-file': async (t) => {
    const { file, range, watch } = await create(t, { hole: true })
    equal(await t.peek(range, 3), 0)
    await file.write(3 * t.pageSize, Uint8Array.of(7))
    equal(await watch.seen(), [`clear ${allOf(t)}`])
    equal([await t.peek(range, 3), await t.peek(range, 4)], [7, 0])
    equal([await watch.snapshot(range.page(2)), await order(watch)], [['none'], 0])
  },

  'part-of-it-is-a-hole': async (t) => {
    const { file, range, watch } = await create(t)
    await file.punchHole(1, 1)
    equal([await t.peek(range, 0), await t.peek(range, 1)], [0, 0])
    equal(await watch.snapshot(range.slice(0, 3)), ['read', 'read', 'none'])
    equal(await order(watch), 0)
  },

  // Who wants no huge pages has none, and the file's index has pages from then on (grab_mapping_entry).
  'mapped-as-pages-before': async (t) => {
    const { file, range, watch } = await create(t)
    await t.space.madvise(range, 'nohugepage')
    await t.poke(range, 0, 1)
    equal(await watch.snapshot(range.slice(0, 2)), ['write', 'none'])
    const other = await t.watch(await t.mmap(pagesOf(t), { file, shared: true }))
    equal(await t.peek(other.range, 1), 0)
    equal(await other.snapshot(other.range.slice(0, 3)), ['none', 'read', 'none'])
  },

  'zeros-of-somebody-else-become-pages': async (t) => {
    const { file, range, watch } = await create(t, { hole: true })
    equal(await t.peek(range, 0), 0)
    const other = await t.mmap(pagesOf(t), { file, shared: true })
    await t.space.madvise(other, 'nohugepage')
    equal(await t.peek(other, 1), 0)
    equal(await watch.seen(), [`clear ${allOf(t)}`])
    equal(await states(watch), NONE)
    equal(await t.peek(range, 2), 0)
    equal(await watch.snapshot(range.slice(0, 3)), ['none', 'none', 'read'])
  },

  'private-copy': async (t) => {
    const { range, watch } = await create(t, { shared: false })
    equal(await t.peek(range, 2), 0)
    equal([await states(watch), await order(watch)], [READ, orderOf(t)])
    await t.poke(range, 2, 5)
    equal(await watch.seen(), [`clear ${allOf(t)}`])
    equal(await watch.snapshot(range.slice(1, 3)), ['none', 'write', 'none'])
    equal(await t.contents(range.slice(1, 3)), [0, 5, 0])
  },

  'private-copy-of-a-hole': async (t) => {
    const { file, range, watch } = await create(t, { hole: true, shared: false })
    equal(await t.peek(range, 2), 0)
    await t.poke(range, 2, 5)
    equal(await watch.seen(), [`clear ${allOf(t)}`])
    equal(await watch.snapshot(range.slice(1, 3)), ['none', 'write', 'none'])
    equal(
      [await t.contents(range.slice(1, 3)), await file.read(2 * t.pageSize, 1)],
      [[0, 5, 0], [0]],
    )
  },

  'protected-as-a-whole': async (t) => {
    const { range, watch } = await create(t)
    await t.poke(range, 0, 1)
    await t.space.mprotect(range, 'r')
    equal([await states(watch), await order(watch)], [READ, orderOf(t)])
    await t.space.mprotect(range, 'rw')
    await t.poke(range, 1, 2)
    equal(await watch.seen(), [`protection-vma ${allOf(t)}`])
    equal(
      [await states(watch), await order(watch)],
      [WRITE, orderOf(t)],
      'when it is written again',
    )
  },

  'protected-in-part': async (t) => {
    const { range, watch } = await create(t)
    await t.poke(range, 0, 1)
    await t.space.mprotect(range.page(1), 'r')
    equal((await watch.seen()).sort(), [`clear ${allOf(t)}`, 'protection-vma 1'])
    equal(await states(watch), NONE)
    equal(await t.peek(range, 0), 1)
    equal(await order(watch), 0)
  },

  'unmapped-in-part': async (t) => {
    const { range, watch } = await create(t)
    await t.poke(range, 0, 1)
    await t.space.munmap(range.page(1))
    equal((await watch.seen()).sort(), [`clear ${allOf(t)}`, 'unmap 1'])
    equal(await watch.snapshot(range.slice(0, 3)), ['none', 'error', 'none'])
    equal(await t.peek(range, 0), 1)
  },

  'dropped-as-a-whole': async (t) => {
    const { range, watch } = await create(t)
    await t.poke(range, 0, 1)
    await t.space.madvise(range, 'dontneed')
    equal([await watch.seen(), await states(watch)], [[`clear ${allOf(t)}`], NONE])
    equal([await t.peek(range, 0), await order(watch)], [1, orderOf(t)], 'what is in the file')
  },

  'dropped-in-part': async (t) => {
    const { range, watch } = await create(t)
    await t.poke(range, 0, 1)
    await t.space.madvise(range.page(1), 'dontneed')
    equal([await watch.seen(), await states(watch)], [[`clear ${allOf(t)}`], NONE])
    equal([await t.peek(range, 0), await order(watch)], [1, orderOf(t)])
  },

  moved: async (t) => {
    const { range, watch } = await create(t)
    await t.poke(range, 1, 7)
    const place = await placeFor(t, pagesOf(t), 0)
    const there = await t.watch(await t.space.mremap(range, { to: place.start }))
    equal(await watch.seen(), [`unmap ${allOf(t)}`])
    equal([await states(there), await order(there)], [WRITE, orderOf(t)])
    equal(await t.peek(there.range, 1), 7)
  },

  'moved-off-its-alignment': async (t) => {
    const { range, watch } = await create(t)
    await t.poke(range, 1, 7)
    const place = await placeFor(t, pagesOf(t), 1)
    const there = await t.watch(await t.space.mremap(range, { to: place.start }))
    equal((await watch.seen()).sort(), [`clear ${allOf(t)}`, `unmap ${allOf(t)}`])
    equal(await states(there), NONE)
    equal([await t.peek(there.range, 1), await order(there)], [7, 0])
  },

  // A fault of the child finds it again (copy_page_range leaves it out).
  'in-a-child': needing(['space.fork'], async (t) => {
    const { range, watch } = await create(t)
    await t.poke(range, 1, 7)
    const child = await t.fork()
    equal(await watch.seen(), [])
    const inChild = await t.watch(range, { space: child })
    equal(await states(inChild), NONE)
    equal([await t.peek(range, 1, child), await order(inChild)], [7, orderOf(t)])
  }),

  // All of what was written since the last time: the block is what is clean or dirty.
  sync: async (t) => {
    const { file, range, watch } = await create(t)
    await t.poke(range, 1, 1)
    await file.sync()
    equal(await watch.seen(), [`protection-page ${allOf(t)}`])
    equal([await states(watch), await order(watch)], [READ, orderOf(t)])
    await watch.forget()
    await file.sync()
    equal(await watch.seen(), [], 'when nothing was written')
    await t.poke(range, 2, 2)
    equal([await watch.seen(), await states(watch)], [[], WRITE], 'the next write')
  },

  truncate: async (t) => {
    const { file, range, watch } = await create(t)
    await t.poke(range, 0, 1)
    await file.truncate(pagesOf(t) / 2)
    equal([await watch.seen(), await states(watch)], [[`clear ${allOf(t)}`], NONE])
    equal(await t.peek(range, 0), 1)
    await rejects('EFAULT', t.peek(range, pagesOf(t) / 2))
    equal(await watch.snapshot(range.slice(0, 2)), ['read', 'none'], 'the block is not whole')
  },

  'punch-hole': async (t) => {
    const { file, range, watch } = await create(t)
    await t.poke(range, 0, 1)
    await t.poke(range, 2, 3)
    await file.punchHole(1, 1)
    equal([await watch.seen(), await states(watch)], [[`clear ${allOf(t)}`], NONE])
    equal(await t.contents(range.slice(0, 3)), [1, 0, 3])
  },

  'mapped-for-a-device': needing(['dma.mirror', 'engine'], async (t) => {
    const { range, watch } = await create(t)
    const device = await watch.map('write', range.slice(0, 4))
    await device.poke(3, 7)
    await t.space.madvise(range.page(1), 'dontneed')
    await t.refused(device.poke(3, 8))
    equal(await t.peek(range, 3), 7)
  }),
})
