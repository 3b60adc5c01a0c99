import type { VirtualRange } from '../../../address/virtual-range.js'
import { equal } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Taking mappings away raises "unmap" over exactly what goes: munmap, a fixed mapping on top of another,
and mremap over the old place when it moves or shrinks. Whether pages were touched does not matter;
what was not mapped raises nothing.`

export const group = caseGroup('events/mapping', ['mirror'], {
  munmap: async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.munmap(range)
    equal(await watch.seen(), ['unmap 0-2'])
  },

  'munmap-of-a-part': async (t) => {
    const range = await t.mmap(4)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.munmap(range.slice(1, 2))
    equal(await watch.seen(), ['unmap 1-2'])
  },

  'munmap-untouched': async (t) => {
    const watch = await t.watch(await t.mmap(2))
    await t.space.munmap(watch.range)
    equal(await watch.seen(), ['unmap 0-1'])
  },

  'munmap-of-a-hole': async (t) => {
    const watch = await t.watch(await t.mmap(2))
    await t.space.munmap(watch.range)
    await watch.forget()
    await t.space.munmap(watch.range)
    equal(await watch.seen(), [])
  },

  'munmap-elsewhere': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const watch = await t.watch(range.page(1))
    await t.space.munmap(range.page(0))
    await t.space.munmap(range.page(2))
    equal(await watch.seen(), [])
  },

  'clipped-to-the-mirror': async (t) => {
    const range = await t.mmap(4)
    const watch = await t.watch(range.slice(1, 2))
    await t.space.munmap(range)
    equal(await watch.seen(), ['unmap 0-1'])
  },

  'one-after-the-other': async (t) => {
    const watch = await t.watch(await t.mmap(3))
    for (const index of [2, 0, 1]) {
      await t.space.munmap(watch.range.page(index))
      await watch.settled()
    }
    const order = watch.events.map((event) => watch.range.indexOf(event.range))
    equal(order, [2, 0, 1], 'the order of the events')
  },

  'every-mirror-is-told': async (t) => {
    const range = await t.mmap(3)
    const [left, right] = [await t.watch(range.slice(0, 2)), await t.watch(range.slice(1, 2))]
    await t.space.munmap(range.page(1))
    equal(await left.seen(), ['unmap 1'], 'the left one')
    equal(await right.seen(), ['unmap 0'], 'the right one')
  },

  'mmap-fixed-on-top': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.mmap({ pages: 1, at: range.page(1).start })
    equal(await watch.seen(), ['unmap 1'])
    equal(await t.contents(range), [1, 0, 3])
  },

  'mmap-into-a-hole': async (t) => {
    const range = await t.mmap(1)
    await t.space.munmap(range)
    const watch = await t.watch(range)
    await t.space.mmap({ pages: 1, at: range.start })
    equal(await watch.seen(), [])
  },

  'mremap-move': needing(['space.mremap'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const place = await t.mmap(2)
    const watch = await t.watch(range)
    const moved = await t.space.mremap(range, { to: place.start })
    equal(await watch.seen(), ['unmap 0-1'])
    equal(await t.contents(moved), [1, 2])
  }),

  // Where nothing is mapped before both places, it begins where their page tables do.
  'mremap-of-whole-tables': needing(['space.mremap'], async (t) => {
    const pages = t.pageSize / 8
    const blockIn = (area: VirtualRange): number => (pages - (area.startPage % pages)) % pages
    const [area, place] = [await t.mmap(3 * pages), await t.mmap(3 * pages)]
    const [from, to] = [blockIn(area), blockIn(place)]
    await t.space.munmap(area.slice(from, 5))
    await t.space.munmap(place.slice(to, 5))
    const range = area.slice(from + 5, pages - 5)
    await t.poke(range, 0, 7)
    const watch = await t.watch(area)
    const moved = await t.space.mremap(range, { to: place.page(to + 5).start })
    equal(await watch.seen(), [`unmap ${from}-${from + pages - 1}`])
    equal(await t.peek(moved, 0), 7)
  }),

  'mremap-onto-a-mapping': needing(['space.mremap'], async (t) => {
    const range = await t.mmap(2)
    const place = await t.mmap(2)
    const watch = await t.watch(place)
    await t.space.mremap(range, { to: place.start })
    equal(await watch.seen(), ['unmap 0-1'])
  }),

  'mremap-dontunmap': needing(['space.mremap'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const moved = await t.space.mremap(range, { dontUnmap: true })
    equal(await watch.seen(), ['unmap 0'])
    equal(await t.peek(moved, 0), 1, 'the new place')
    equal(await t.peek(range, 0), 0, 'the old place')
  }),

  'mremap-shrink': needing(['space.mremap'], async (t) => {
    const range = await t.mmap(4)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.mremap(range, { pages: 1 })
    equal(await watch.seen(), ['unmap 1-3'])
  }),

  'mremap-grow-in-place': needing(['space.mremap'], async (t) => {
    const range = await t.mmap(4)
    await t.space.munmap(range.slice(2, 2))
    await t.fill(range.slice(0, 2), 1)
    const watch = await t.watch(range)
    await t.space.mremap(range.slice(0, 2), { pages: 4, mayMove: false })
    equal(await watch.seen(), [])
    equal(await t.contents(range), [1, 2, 0, 0])
  }),
})
