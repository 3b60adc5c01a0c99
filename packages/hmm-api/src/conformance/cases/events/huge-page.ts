import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { Watch } from '../../harness/watch.js'

export const description = `
A transparent huge page is one mapping: a range fault reports its order (hmm_pfn_to_map_order), clipped
to what was asked for. Making one of small pages raises "clear" over it (collapse_huge_page), so does
mapping it page by page again (__split_huge_pmd), which any change of a part of it needs.`

/** Pages of a huge page: what one page of the lowest page table maps. */
const pagesOf = (t: Scene): number => t.pageSize / 8

/** A huge page with 1 at its first page, and a watch over it. */
async function huge(t: Scene): Promise<Watch> {
  const pages = pagesOf(t)
  const area = await t.mmap(2 * pages)
  const offset = (pages - (area.startPage % pages)) % pages
  const range = area.slice(offset, pages)
  await t.poke(range, 0, 1)
  await t.space.madvise(range, 'collapse')
  return t.watch(range)
}

/** The order of the first page, of all its pages asked for and of half. */
function orders(watch: Watch): Promise<number[]> {
  const { range } = watch
  const half = range.slice(0, range.pages / 2)
  const first = (part: typeof range) => watch.commit((pages) => pages.order(0), {}, part)
  return Promise.all([first(range), first(half)])
}

export const group = caseGroup('events/huge-page', ['mirror', 'space.hugepage'], {
  order: async (t) => {
    const watch = await huge(t)
    const order = Math.log2(pagesOf(t))
    equal(await orders(watch), [order, order - 1])
    const last = pagesOf(t) - 1
    equal(await watch.snapshot(watch.range.page(last)), ['write'], 'the last page')
  },

  collapse: async (t) => {
    const pages = pagesOf(t)
    const area = await t.mmap(2 * pages)
    const range = area.slice((pages - (area.startPage % pages)) % pages, pages)
    await t.space.madvise(range, 'nohugepage')
    await t.poke(range, 0, 1)
    await t.poke(range, pages - 1, 2)
    await t.space.madvise(range, 'hugepage')
    const watch = await t.watch(range)
    await t.space.madvise(range, 'collapse')
    equal(await watch.seen(), [`clear 0-${pages - 1}`])
    equal(
      [await t.peek(range, 0), await t.peek(range, 1), await t.peek(range, pages - 1)],
      [1, 0, 2],
    )
  },

  'collapse-of-what-may-not': async (t) => {
    const { range } = await huge(t)
    await t.space.madvise(range, 'dontneed')
    await t.space.madvise(range, 'nohugepage')
    await t.poke(range, 0, 1)
    await rejects('EINVAL', t.space.madvise(range, 'collapse'))
  },

  'protected-as-a-whole': async (t) => {
    const watch = await huge(t)
    await t.space.mprotect(watch.range, 'r')
    equal(await watch.seen(), [`protection-vma 0-${pagesOf(t) - 1}`])
    equal(await watch.snapshot(watch.range.page(1)), ['read'])
    equal((await orders(watch))[0], Math.log2(pagesOf(t)))
  },

  'unmapped-in-part': async (t) => {
    const watch = await huge(t)
    await t.space.munmap(watch.range.page(1))
    equal((await watch.seen()).sort(), [`clear 0-${pagesOf(t) - 1}`, 'unmap 1'])
    equal(await watch.snapshot(watch.range.slice(0, 3)), ['write', 'error', 'write'])
    equal(await t.peek(watch.range, 0), 1)
    equal((await orders(watch))[0], 0)
  },

  'dropped-in-part': async (t) => {
    const watch = await huge(t)
    await t.space.madvise(watch.range.page(0), 'dontneed')
    equal(await watch.seen(), [`clear 0-${pagesOf(t) - 1}`])
    equal(await t.peek(watch.range, 0), 0)
  },

  // split_folio: what holds nothing but zeros becomes the zero page.
  'cold-in-part': async (t) => {
    const watch = await huge(t)
    await t.space.madvise(watch.range.page(1), 'cold')
    equal(await watch.seen(), [`clear 0-${pagesOf(t) - 1}`])
    equal(await watch.snapshot(watch.range.slice(0, 3)), ['write', 'read', 'read'])
    equal([await t.peek(watch.range, 0), await t.peek(watch.range, 2)], [1, 0])
  },

  // Only its mapping was split so far: the memory is one piece still, and that is what advice takes apart.
  'cold-in-part-of-a-split-mapping': async (t) => {
    const watch = await huge(t)
    const last = pagesOf(t) - 1
    await t.space.mprotect(watch.range.page(last), 'r')
    await watch.forget()
    await t.space.madvise(watch.range.page(1), 'cold')
    equal(await watch.seen(), [`clear 0-${last}`])
    equal(await watch.snapshot(watch.range.slice(0, 3)), ['write', 'read', 'read'])
    await watch.forget()
    await t.space.madvise(watch.range.page(2), 'cold')
    equal(await watch.seen(), [], 'once more')
  },

  'freed-in-part': async (t) => {
    const watch = await huge(t)
    const last = pagesOf(t) - 1
    await t.poke(watch.range, last, 2)
    await t.space.madvise(watch.range.slice(0, 2), 'free')
    equal(await watch.seen(), [`clear 0-${last}`])
    equal(await watch.snapshot(watch.range.slice(0, 3)), ['write', 'read', 'read'])
    equal(await watch.snapshot(watch.range.page(last)), ['write'])
    equal(await t.peek(watch.range, last), 2)
  },

  'paged-out-in-part': needing(['space.pageout'], async (t) => {
    const watch = await huge(t)
    await t.space.madvise(watch.range.slice(0, 2), 'pageout')
    equal(await watch.seen(), [`clear 0-${pagesOf(t) - 1}`])
    equal(await watch.snapshot(watch.range.slice(0, 3)), ['none', 'read', 'read'])
    equal([await t.peek(watch.range, 0), await t.peek(watch.range, 1)], [1, 0])
  }),

  'cold-as-a-whole': async (t) => {
    const watch = await huge(t)
    await t.space.madvise(watch.range, 'cold')
    equal(await watch.seen(), [])
    equal((await orders(watch))[0], Math.log2(pagesOf(t)))
  },

  'advised-in-part-while-shared': needing(['space.fork'], async (t) => {
    const watch = await huge(t)
    await t.fork()
    await watch.forget()
    await t.space.madvise(watch.range.page(1), 'cold')
    equal(await watch.seen(), [])
    equal((await orders(watch))[0], Math.log2(pagesOf(t)))
  }),

  'dropped-as-a-whole': async (t) => {
    const watch = await huge(t)
    await t.space.madvise(watch.range, 'dontneed')
    equal(await watch.seen(), [`clear 0-${pagesOf(t) - 1}`])
    equal(await watch.snapshot(watch.range.slice(0, 2)), ['none', 'none'])
  },

  'copied-on-write': needing(['space.fork'], async (t) => {
    const watch = await huge(t)
    const child = await t.fork()
    const last = pagesOf(t) - 1
    equal(await watch.seen(), [`protection-page 0-${last}`], 'the fork')
    equal(await watch.snapshot(watch.range.page(last)), ['read'])
    await watch.forget()
    await t.poke(watch.range, 0, 9)
    equal(await watch.seen(), [`clear 0-${last}`], 'the copy')
    equal(await t.peek(watch.range, 0, child), 1)
  }),

  // Nobody else has that page, but somebody has others of the same piece of memory.
  'written-in-a-shared-piece': needing(['space.fork'], async (t) => {
    const watch = await huge(t)
    const child = await t.fork()
    await t.poke(watch.range, 1, 5, child)
    await t.poke(watch.range, 0, 4)
    await watch.forget()
    await t.poke(watch.range, 1, 6)
    equal(await watch.seen(), ['clear 1'])
    equal([await t.peek(watch.range, 1), await t.peek(watch.range, 1, child)], [6, 5])
  }),

  'mapped-for-a-device': needing(['dma.mirror', 'engine'], async (t) => {
    const watch = await huge(t)
    const device = await watch.map('write', watch.range.slice(0, 4))
    await device.poke(3, 7)
    await t.space.madvise(watch.range.page(2), 'dontneed')
    await t.refused(device.poke(3, 8))
    equal(await t.peek(watch.range, 3), 7)
  }),
})
