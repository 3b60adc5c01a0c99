import type { VirtualRange } from '../../../address/virtual-range.js'
import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { Watch } from '../../harness/watch.js'
import type { PageRequest } from '../../../objects/interval-notifier.js'

export const description = `
Huge pages from the reserved pool (hugetlb) are faulted and reported as a whole, with the order of the
huge page whatever part of it is asked for. Of the requests in one huge page only the first counts
(hmm_vma_walk_hugetlb_entry). A read of private memory takes a huge page of its own, read-only: there is
no huge zero page for it.`

const SIZE = 2 * 2 ** 20

/** Ordinary pages of a huge page of 2 MiB. */
export const hugePages = (t: Scene): number => SIZE / t.pageSize

/** So many huge pages of private memory. */
export function mmapHuge(t: Scene, count: number, shared = false): Promise<VirtualRange> {
  return t.mmap(count * hugePages(t), { hugetlb: '2M', shared })
}

/** What the first and the last page of each huge page are. */
async function ends(t: Scene, watch: Watch): Promise<string[]> {
  const states = await watch.snapshot()
  const pages = hugePages(t)
  return Array.from({ length: states.length / pages }, (_, index) => {
    const [first, last] = [states[index * pages], states[(index + 1) * pages - 1]]
    return first === last ? String(first) : `${first} to ${last}`
  })
}

const requests = (...given: [number, PageRequest][]) => ({ perPage: new Map(given) })

export const group = caseGroup('range-fault/hugetlb', ['mirror', 'space.hugetlb'], {
  untouched: async (t) => {
    const watch = await t.watch(await mmapHuge(t, 2))
    equal(await ends(t, watch), ['none', 'none'])
  },

  written: async (t) => {
    const range = await mmapHuge(t, 2)
    await t.poke(range, 3, 1)
    const watch = await t.watch(range)
    equal(await ends(t, watch), ['write', 'none'])
    equal([await t.peek(range, 3), await t.peek(range, 4)], [1, 0])
  },

  'read-takes-a-page-read-only': async (t) => {
    const range = await mmapHuge(t, 1)
    await t.peek(range, 0)
    const watch = await t.watch(range)
    equal(await ends(t, watch), ['read'])
    await t.poke(range, 0, 1)
    equal(await watch.seen(), [], 'the write after the read')
    equal(await ends(t, watch), ['write'])
  },

  'shared-is-writable-at-once': async (t) => {
    const range = await mmapHuge(t, 1, true)
    await t.peek(range, 0)
    equal(await ends(t, await t.watch(range)), ['write'])
  },

  order: async (t) => {
    const range = await mmapHuge(t, 1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const order = Math.log2(hugePages(t))
    const whole = await watch.commit((pages) => [
      pages.order(0),
      pages.order(pages.range.pages - 1),
    ])
    equal(whole, [order, order], 'of the whole')
    const part = range.slice(1, 3)
    const clip = (clip: boolean) => watch.commit((pages) => pages.order(1, { clip }), {}, part)
    equal(await clip(true), 1, 'clipped to what was asked for')
    equal(await clip(false), order, 'not clipped')
  },

  'adjoining-frames': async (t) => {
    const range = await mmapHuge(t, 1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const frames = await watch.commit((pages) => [pages.frame(0), pages.frame(5)])
    ok(frames[0] !== frames[1], 'pages of a huge page are different pages')
    if (!t.backend.capabilities.has('physical-addresses')) return
    equal(Number(frames[1]) - Number(frames[0]), 5, 'the distance of the frames')
  },

  'fault-for-reading': async (t) => {
    const watch = await t.watch(await mmapHuge(t, 2))
    const states = await watch.fault('read', watch.range.slice(hugePages(t) - 1, 2))
    equal(states, ['read', 'read'])
    equal(await ends(t, watch), ['read', 'read'])
  },

  'fault-for-writing': async (t) => {
    const watch = await t.watch(await mmapHuge(t, 2))
    equal(await watch.fault('write', watch.range.page(1)), ['write'])
    equal(await ends(t, watch), ['write', 'none'])
    equal(await watch.seen(), [])
  },

  // The second page asks for it, the first of the huge page does not.
  'only-the-first-request-counts': async (t) => {
    const range = await mmapHuge(t, 2)
    await t.poke(range, hugePages(t), 1)
    const watch = await t.watch(range)
    const part = range.slice(0, 3)
    equal(await watch.fault(requests([1, 'write']), part), ['none', 'none', 'none'], 'the second')
    equal(await watch.fault(requests([0, 'write']), part), ['write', 'write', 'write'], 'the first')
  },

  'the-first-that-is-asked-for': async (t) => {
    const range = await mmapHuge(t, 2)
    await t.poke(range, hugePages(t), 1)
    const watch = await t.watch(range)
    const part = range.slice(1, 2)
    equal(await watch.fault(requests([0, 'read']), part), ['read', 'read'])
  },

  'write-to-read-only': async (t) => {
    const range = await mmapHuge(t, 1)
    await t.poke(range, 0, 1)
    await t.space.mprotect(range, 'r')
    const watch = await t.watch(range)
    await rejects('EPERM', watch.fault('write', range.page(0)))
    equal(await watch.fault('read', range.page(0)), ['read'])
  },

  'prot-none': async (t) => {
    const range = await mmapHuge(t, 1)
    await t.poke(range, 0, 1)
    await t.space.mprotect(range, 'none')
    const watch = await t.watch(range)
    equal(await ends(t, watch), ['error'])
    await rejects('EFAULT', watch.fault('read', range.page(0)))
  },

  'beyond-the-end-of-a-file': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: hugePages(t), hugetlb: '2M' }))
    const range = await t.mmap(2 * hugePages(t), { file, shared: true, protection: 'r' })
    const watch = await t.watch(range)
    equal(await watch.fault('read', range.page(0)), ['read'])
    await rejects('EFAULT', watch.fault('read', range.page(hugePages(t))))
  }),

  'mapped-for-a-device': needing(['dma.mirror', 'engine'], async (t) => {
    const range = await mmapHuge(t, 1)
    await t.poke(range, 2, 5)
    const watch = await t.watch(range)
    const device = await watch.map('write', range.slice(1, 4))
    equal(await device.peek(1), 5)
    await device.poke(3, 9)
    equal(await t.peek(range, 4), 9)
    await t.space.munmap(range)
    await t.refused(device.poke(3, 10))
  }),

  'of-1-gib': needing(['space.hugetlb.1g'], async (t) => {
    const pages = 2 ** 30 / t.pageSize
    const range = await t.mmap(pages, { hugetlb: '1G', shared: true })
    await t.poke(range, pages - 1, 1)
    const watch = await t.watch(range.slice(0, 2))
    equal(await watch.snapshot(), ['write', 'write'])
    const order = await watch.commit((found) => found.order(1, { clip: false }))
    equal(order, Math.log2(pages))
    equal([await t.peek(range, pages - 1), await t.peek(range, 0)], [1, 0])
  }),
})
