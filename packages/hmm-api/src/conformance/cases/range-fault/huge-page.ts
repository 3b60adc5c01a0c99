import type { VirtualRange } from '../../../address/virtual-range.js'
import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
Range faults of transparent huge pages: the requests of all pages of a block count together
(hmm_vma_handle_pmd), a fault of one page makes a huge page where there may be one, and what is read of it
first is the huge zero page, which a write replaces.`

/** Pages of a huge page: what one page of the lowest page table maps. */
const pagesOf = (t: Scene): number => t.pageSize / 8

const orderOf = (t: Scene): number => Math.log2(pagesOf(t))

/** An aligned block of untouched memory that may be a huge page. */
async function block(t: Scene): Promise<VirtualRange> {
  const pages = pagesOf(t)
  const area = await t.mmap(2 * pages)
  const range = area.slice((pages - (area.startPage % pages)) % pages, pages)
  await t.space.madvise(range, 'hugepage')
  return range
}

export const group = caseGroup('range-fault/huge-page', ['mirror', 'space.hugepage'], {
  'fault-of-one-page': async (t) => {
    const watch = await t.watch(await block(t))
    equal(await watch.fault('write', watch.range.page(3)), ['write'])
    equal(await watch.snapshot(watch.range.page(pagesOf(t) - 1)), ['write'], 'the last page')
    equal(await watch.commit((pages) => pages.order(0)), orderOf(t))
    equal(await watch.seen(), [])
  },

  'order-as-it-is': async (t) => {
    const watch = await t.watch(await block(t))
    await t.poke(watch.range, 0, 1)
    const orders = (part: VirtualRange) =>
      watch.commit((pages) => [pages.order(0), pages.order(0, { clip: false })], {}, part)
    equal(await orders(watch.range.slice(2, 2)), [1, orderOf(t)])
    equal(await orders(watch.range.page(3)), [0, orderOf(t)])
  },

  'zero-page': async (t) => {
    const watch = await t.watch(await block(t))
    equal(await watch.fault('read', watch.range.page(3)), ['read'])
    equal(await watch.snapshot(watch.range.page(0)), ['read'], 'the first page')
    equal(await watch.commit((pages) => pages.order(0)), orderOf(t))
    equal(await watch.seen(), [])
  },

  // Unlike small zero pages, which a child finds for itself when it looks.
  'zero-page-of-a-fork': needing(['space.fork'], async (t) => {
    const range = await block(t)
    await t.peek(range, 3)
    const child = await t.fork()
    const watch = await t.watch(range, { space: child })
    equal(await watch.snapshot(range.page(0)), ['read'])
    equal(await watch.commit((pages) => pages.order(0)), orderOf(t))
  }),

  'write-to-the-zero-page': async (t) => {
    const watch = await t.watch(await block(t))
    equal(await watch.fault('read', watch.range.page(3)), ['read'])
    equal(await watch.fault('write', watch.range.page(3)), ['write'])
    equal(await watch.seen(), [`clear 0-${pagesOf(t) - 1}`])
    await t.poke(watch.range, 3, 7)
    equal(await t.contents(watch.range.slice(2, 3)), [0, 7, 0])
  },

  // The one page that is asked for has all of the block copied; of pages only those behind it would be.
  'requests-count-together': needing(['space.fork'], async (t) => {
    const range = await block(t)
    await t.poke(range, 0, 1)
    const child = await t.fork()
    const watch = await t.watch(range)
    equal(await watch.snapshot(range.page(0)), ['read'], 'what the fork shares')
    const last = pagesOf(t) - 1
    const states = await watch.fault({ perPage: new Map([[last, 'write']]) })
    equal([states[0], states[1], states[last]], ['write', 'write', 'write'])
    equal(await watch.seen(), [`clear 0-${last}`])
    await t.poke(range, 0, 2)
    equal([await t.peek(range, 0, child), await t.peek(range, 0)], [1, 2])
  }),

  'write-to-read-only': async (t) => {
    const range = await block(t)
    await t.poke(range, 0, 1)
    await t.space.mprotect(range, 'r')
    const watch = await t.watch(range)
    const last = range.page(pagesOf(t) - 1)
    equal(await watch.fault('read', last), ['read'])
    await rejects('EPERM', watch.fault('write', last))
    equal(await watch.commit((pages) => pages.order(0)), orderOf(t), 'after a refused write')
  },

  // All of it is there for reading; it is one of its pages that was to be written.
  'blames-the-page-to-be-written': async (t) => {
    const range = await block(t)
    await t.poke(range, 0, 1)
    await t.space.mprotect(range, 'r')
    const watch = await t.watch(range)
    const asked = watch.fault({ request: 'read', perPage: new Map([[3, 'write']]) })
    equal((await rejects('EPERM', asked)).page, 3)
  },
})
