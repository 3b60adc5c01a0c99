import type { VirtualRange } from '../../../address/virtual-range.js'
import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { Watch } from '../../harness/watch.js'

export const description = `
A huge page moves to device memory and back whole (MIGRATE_VMA_SELECT_COMPOUND): one mapping before, one
after. A hole of its size becomes one. What is about a part of it splits it: a part that is declined,
migrated, unmapped, moved; and so does the lack of a whole block where it would go. A CPU touch of any
page of a block brings all of it back.`

/** Pages of a huge page: what one page of the lowest page table maps. */
const pagesOf = (t: Scene): number => t.pageSize / 8
const orderOf = (t: Scene): number => Math.log2(pagesOf(t))

/** An aligned block of untouched memory. */
async function block(t: Scene): Promise<VirtualRange> {
  const pages = pagesOf(t)
  const area = await t.mmap(2 * pages)
  return area.slice((pages - (area.startPage % pages)) % pages, pages)
}

/** A huge page with 1 in its first page, 2 in its last, and a watch over it. */
async function huge(t: Scene): Promise<Watch> {
  const range = await block(t)
  await t.poke(range, 0, 1)
  await t.poke(range, range.pages - 1, 2)
  await t.space.madvise(range, 'collapse')
  return t.watch(range)
}

/** The same, in device memory. */
async function onDevice(t: Scene): Promise<Watch> {
  const watch = await huge(t)
  await watch.migrate({ to: 'device' })
  await watch.forget()
  return watch
}

/** State and order of the first page. */
function first(watch: Watch): Promise<string> {
  return watch.commit((pages) => {
    const device = pages.isDevice(0) ? 'device-' : ''
    return `${device}${pages.writable(0) ? 'write' : 'read'} order ${pages.order(0)}`
  })
}

/** How many pages are in each state. */
async function states(watch: Watch): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const state of await watch.snapshot()) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

/** First and last byte as the CPU reads them. */
const ends = async (t: Scene, range: VirtualRange, space = t.space): Promise<number[]> => [
  await t.peek(range, 0, space),
  await t.peek(range, range.pages - 1, space),
]

const NEEDS = ['mirror', 'dma.mirror', 'engine', 'memory', 'memory.huge', 'space.hugepage'] as const

export const group = caseGroup('memory/huge-page', NEEDS, {
  'there-and-back': async (t) => {
    const watch = await huge(t)
    const free = t.device.memory.freePages
    const there = await watch.migrate({ to: 'device' })
    equal([there.migrated, there.outcome(7)], [pagesOf(t), 'migrated'])
    equal(t.device.memory.freePages, free - pagesOf(t), 'the free pages')
    equal(await first(watch), `device-write order ${orderOf(t)}`)
    const pages = await watch.map('write', watch.range.slice(pagesOf(t) - 2, 2))
    equal(await pages.peek(1), 2, 'what the device reads in the last page')
    await pages.poke(1, 9)
    const back = await watch.migrate({ to: 'system' })
    equal(back.count('migrated'), pagesOf(t))
    equal(await first(watch), `write order ${orderOf(t)}`)
    equal(await ends(t, watch.range), [1, 9])
    equal(t.device.memory.freePages, free, 'the free pages afterwards')
  },

  'one-event': async (t) => {
    const watch = await huge(t)
    await watch.migrate({ to: 'device' })
    equal(await watch.seen(), [`self-migrate 0-${pagesOf(t) - 1}`])
  },

  hole: async (t) => {
    const watch = await t.watch(await block(t))
    const result = await watch.migrate({ to: 'device' })
    equal(result.count('populated'), pagesOf(t))
    equal(await first(watch), `device-write order ${orderOf(t)}`)
    equal(await (await watch.map('read', watch.range.page(3))).peek(0), 0, 'what the device reads')
    equal(await ends(t, watch.range), [0, 0])
  },

  // It counts as a hole (migrate_vma_collect_huge_pmd).
  'zero-page': async (t) => {
    const range = await block(t)
    await t.space.madvise(range, 'hugepage')
    const watch = await t.watch(range)
    equal(await watch.fault('read', range.page(1)), ['read'])
    equal(await first(watch), `read order ${orderOf(t)}`)
    const result = await watch.migrate({ to: 'device' })
    equal(result.count('populated'), pagesOf(t))
    equal(await first(watch), `device-write order ${orderOf(t)}`)
    equal(await watch.seen(), [`self-migrate 0-${pagesOf(t) - 1}`])
    equal(await ends(t, range), [0, 0])
  },

  'already-there': async (t) => {
    const watch = await onDevice(t)
    const result = await watch.migrate({ to: 'device' })
    equal(result.count('already-there'), pagesOf(t))
    equal(await first(watch), `device-write order ${orderOf(t)}`)
  },

  'touch-brings-all-back': async (t) => {
    const watch = await onDevice(t)
    const last = pagesOf(t) - 1
    const mapped = await watch.map('write', watch.range.slice(last - 1, 2))
    await mapped.poke(1, 9)
    equal(await t.peek(watch.range, 5), 0)
    equal(await first(watch), `write order ${orderOf(t)}`)
    await rejects('EFAULT', mapped.poke(1, 8), 'a device write to the old place')
    equal(await ends(t, watch.range), [1, 9])
  },

  'declined-page-splits-it': async (t) => {
    const watch = await huge(t)
    const { range } = watch
    const result = await watch.migrate({ to: 'device', decline: [3] })
    equal([result.migrated, result.outcome(3)], [pagesOf(t) - 1, 'declined'])
    // What holds nothing but zeros becomes the zero page when a huge page is split.
    equal(await states(watch), { 'device-write': pagesOf(t) - 1, read: 1 })
    equal(await first(watch), 'device-write order 0')
    equal(await ends(t, range), [1, 2])
  },

  'page-by-page-when-told': async (t) => {
    const watch = await huge(t)
    await watch.migrate({ to: 'device', order: 0 })
    equal(await first(watch), 'device-write order 0')
    equal(await ends(t, watch.range), [1, 2])
    equal(await states(watch), { write: 2, 'device-write': pagesOf(t) - 2 })
  },

  'part-comes-back': async (t) => {
    const watch = await onDevice(t)
    const part = watch.range.slice(0, 3)
    const result = await watch.migrate({ to: 'system' }, part)
    equal(result.migrated, 3)
    equal(await states(watch), { write: 3, 'device-write': pagesOf(t) - 3 })
    equal(await ends(t, watch.range), [1, 2])
  },

  'part-goes': async (t) => {
    const watch = await huge(t)
    const part = watch.range.slice(0, 3)
    const result = await watch.migrate({ to: 'device' }, part)
    equal(result.migrated, 3)
    equal(await states(watch), { 'device-write': 3, read: pagesOf(t) - 4, write: 1 })
    equal(await ends(t, watch.range), [1, 2])
  },

  'part-of-a-split-mapping-goes': async (t) => {
    const watch = await huge(t)
    const last = pagesOf(t) - 1
    await t.space.munmap(watch.range.page(last))
    await watch.forget()
    const part = watch.range.slice(0, 3)
    const result = await watch.migrate({ to: 'device' }, part)
    equal(result.migrated, 3)
    equal((await watch.seen()).sort(), [`clear 0-${last - 1}`, 'self-migrate 0-2'])
    equal(await states(watch), { 'device-write': 3, read: pagesOf(t) - 4, error: 1 })
  },

  'one-page-of-it-is-pinned': needing(['space.pin'], async (t) => {
    const watch = await huge(t)
    const pinned = t.own(await t.space.pin(watch.range.page(3)))
    const { memory } = t.device
    const result = await memory.migrate(watch.mirror, watch.range, { to: 'device' })
    equal(result.count('busy'), pagesOf(t))
    equal(await first(watch), `write order ${orderOf(t)}`)
    await pinned.close()
    const again = await watch.migrate({ to: 'device' })
    equal([again.migrated, await ends(t, watch.range)], [pagesOf(t), [1, 2]])
  }),

  'no-block-free': async (t) => {
    const room = 100
    const { memory } = t.device
    const filler = await t.watch(await t.mmap(memory.freePages - room))
    await filler.migrate({ to: 'device', order: 0 })
    equal(memory.freePages, room, 'the free pages')
    const watch = await huge(t)
    const result = await watch.migrate({ to: 'device' })
    equal([result.migrated, result.count('no-memory')], [room, pagesOf(t) - room])
    equal(await ends(t, watch.range), [1, 2])
  },

  'unmapped-in-part': async (t) => {
    const watch = await onDevice(t)
    const free = t.device.memory.freePages
    await t.space.munmap(watch.range.slice(1, 2))
    equal((await watch.seen()).sort(), [`clear 0-${pagesOf(t) - 1}`, 'unmap 1-2'])
    equal(await states(watch), { 'device-write': pagesOf(t) - 2, error: 2 })
    equal(await ends(t, watch.range), [1, 2])
    await t.space.munmap(watch.range)
    equal(t.device.memory.freePages, free + pagesOf(t), 'the free pages afterwards')
  },

  'unmapped-whole': async (t) => {
    const watch = await onDevice(t)
    const free = t.device.memory.freePages
    await t.space.munmap(watch.range)
    equal(t.device.memory.freePages, free + pagesOf(t), 'the free pages')
  },

  'protected-whole': async (t) => {
    const watch = await onDevice(t)
    await t.space.mprotect(watch.range, 'r')
    equal(await first(watch), `device-read order ${orderOf(t)}`)
    equal(await ends(t, watch.range), [1, 2])
  },

  'protected-in-part': async (t) => {
    const watch = await onDevice(t)
    await t.space.mprotect(watch.range.slice(0, 1), 'r')
    equal(await states(watch), { 'device-read': 1, 'device-write': pagesOf(t) - 1 })
    equal(await ends(t, watch.range), [1, 2])
  },

  'moved-whole': needing(['space.mremap'], async (t) => {
    const watch = await onDevice(t)
    const place = await block(t)
    await t.space.mremap(watch.range, { to: place.start })
    const moved = await t.watch(place)
    equal(await first(moved), `device-write order ${orderOf(t)}`)
    equal(await ends(t, place), [1, 2])
  }),

  'moved-off-its-alignment': needing(['space.mremap'], async (t) => {
    const watch = await onDevice(t)
    const area = await t.mmap(3 * pagesOf(t))
    const skip = (2 * pagesOf(t) - 1 - (area.startPage % pagesOf(t))) % pagesOf(t)
    const place = area.slice(skip, pagesOf(t))
    await t.space.mremap(watch.range, { to: place.start })
    equal(await states(await t.watch(place)), { 'device-write': pagesOf(t) })
    equal(await ends(t, place), [1, 2])
  }),

  fork: needing(['space.fork'], async (t) => {
    const watch = await onDevice(t)
    const child = await t.fork()
    equal(await first(watch), `device-read order ${orderOf(t)}`)
    await t.poke(watch.range, 0, 5)
    equal(await ends(t, watch.range), [5, 2], 'the parent')
    equal(await ends(t, watch.range, child), [1, 2], 'the child')
  }),

  'shared-by-fork-moves': needing(['space.fork'], async (t) => {
    const watch = await huge(t)
    const child = await t.fork()
    const other = await t.watch(watch.range, { space: child })
    const result = await watch.migrate({ to: 'device' })
    equal(result.migrated, pagesOf(t))
    equal(await first(other), `device-read order ${orderOf(t)}`, 'the child')
    await t.poke(watch.range, 0, 5, child)
    equal(await ends(t, watch.range, child), [5, 2], 'the child')
    equal(await ends(t, watch.range), [1, 2], 'the parent')
  }),

  evict: async (t) => {
    const watch = await onDevice(t)
    equal(await t.device.memory.evict(), pagesOf(t), 'the number of pages that came back')
    equal(await first(watch), `write order ${orderOf(t)}`)
    equal(await ends(t, watch.range), [1, 2])
  },

  'evict-of-a-part': async (t) => {
    const watch = await onDevice(t)
    await t.space.munmap(watch.range.slice(0, 100))
    equal(await t.device.memory.evict(), pagesOf(t) - 100, 'the number of pages that came back')
    equal(await t.peek(watch.range, pagesOf(t) - 1), 2)
    equal(t.device.memory.freePages, t.device.memory.pages, 'the free pages')
  },

  'another-device': needing(['device.shared'], async (t) => {
    const { range } = await onDevice(t)
    const other = await t.watch(range, { device: await t.openDevice() })
    equal(await states(other), { error: pagesOf(t) }, 'without a fault')
    equal((await other.fault('read', range.page(1)))[0], 'write', 'after a fault')
    equal(await ends(t, range), [1, 2])
  }),
})
