import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { PageRequest } from '../../../objects/interval-notifier.js'

export const description = `
Requests for single pages. For present page tables only a page's own request counts; where page
tables are missing altogether, the requests of all pages of that part are joined. A page that needs a
fault takes its successors with it, up to the end of the range or of the page table, with the kind
of the first (hmm_record_fault(addr, end)).`

const pages = (...requests: [number, PageRequest][]) => ({ perPage: new Map(requests) })

/** Pages in one page table. */
const TABLE = 512

export const group = caseGroup('range-fault/per-page', ['mirror'], {
  'nothing-requested': async (t) => {
    const watch = await t.watch(await t.mmap(2))
    equal(await watch.fault(pages([0, 'none'], [1, 'none'])), ['none', 'none'])
  },

  'pages-before-are-left-alone': async (t) => {
    const range = await t.mmap(4)
    await t.poke(range, 3, 1)
    const states = await (await t.watch(range)).fault(pages([1, 'read']))
    equal(states.slice(0, 2), ['none', 'read'])
  },

  'over-fault': async (t) => {
    const range = await t.mmap(4)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    equal(await watch.fault(pages([1, 'write'])), ['write', 'write', 'write', 'write'])
  },

  'over-fault-with-the-first-kind': async (t) => {
    const range = await t.mmap(4)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    equal(await watch.fault(pages([1, 'read'], [2, 'write'])), ['write', 'read', 'write', 'write'])
  },

  // hmm_vma_walk_hole joins the requests of all pages that it covers.
  'joined-without-page-tables': async (t) => {
    const large = await t.mmap(3 * TABLE)
    const start = Math.ceil(large.startPage / TABLE) * TABLE - large.startPage
    const watch = await t.watch(large.slice(start + TABLE / 2, 3))
    equal(await watch.fault(pages([1, 'write'])), ['write', 'write', 'write'])
  },

  'wider-than-the-default': async (t) => {
    const range = await t.mmap(3)
    await t.contents(range)
    const watch = await t.watch(range)
    const options = { request: 'read', ...pages([2, 'write']) } as const
    equal(await watch.fault(options), ['read', 'read', 'write'])
  },

  'narrower-than-the-default': async (t) => {
    const watch = await t.watch(await t.mmap(2))
    equal(await watch.fault({ request: 'write', ...pages([0, 'read']) }), ['write', 'write'])
  },

  'only-requested-pages-can-fail': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.mprotect(range.page(1), 'none')
    const watch = await t.watch(range)
    equal(await watch.fault(pages([0, 'write'])), ['write', 'error'], 'without a request')
    await rejects('EFAULT', watch.fault(pages([1, 'read'])), 'with one')
  },

  // Without page tables the requests count together, so the kernel fails at a page before it.
  'blames-a-requested-page': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const watch = await t.watch(await t.mmap(4, { file }))
    const error = await rejects('EFAULT', watch.fault(pages([2, 'read'])))
    equal(error.page, 2)
  }),

  'only-requested-writes-need-the-right': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.mprotect(range.page(0), 'r')
    const watch = await t.watch(range)
    equal(await watch.fault(pages([0, 'read'], [1, 'write'])), ['read', 'write'])
    await rejects('EPERM', watch.fault(pages([0, 'write'])))
  },
})
