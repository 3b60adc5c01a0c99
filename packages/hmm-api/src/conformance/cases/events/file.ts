import { equal, rejects } from '../../harness/check.js'
import { caseGroup } from '../../harness/case.js'

export const description = `
Taking pages from a file raises "clear" wherever they are mapped: truncate up to the end of the mapping,
punching a hole over exactly the hole. Growing a file raises nothing. A truncated file also takes
private copies behind its end, a punched hole does not (even_cows of unmap_mapping_range).`

export const group = caseGroup('events/file', ['mirror', 'space.file'], {
  truncate: async (t) => {
    const file = t.own(await t.space.createFile({ pages: 4 }))
    const range = await t.mmap(4, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await file.truncate(1)
    equal(await watch.seen(), ['clear 1-3'])
    await rejects('EFAULT', t.peek(range, 1), 'a read beyond the end')
    equal(await t.peek(range, 0), 1)
  },

  'truncate-to-nothing': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const range = await t.mmap(2, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await file.truncate(0)
    equal(await watch.seen(), ['clear 0-1'])
  },

  grow: async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(2, { file, shared: true })
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    await file.truncate(2)
    equal(await watch.seen(), [])
    equal(await t.contents(range), [1, 0])
  },

  'punch-hole': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 4 }))
    const range = await t.mmap(4, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await file.punchHole(1, 2)
    equal(await watch.seen(), ['clear 1-2'])
    equal(await t.contents(range), [1, 0, 0, 4])
  },

  'punch-hole-elsewhere': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 3 }))
    const range = await t.mmap(2, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await file.punchHole(2, 1)
    equal(await watch.seen(), [])
  },

  'every-mapping-is-told': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const one = await t.watch(await t.mmap(2, { file, shared: true }))
    const two = await t.watch(await t.mmap(1, { file, shared: true, filePage: 1 }))
    await t.fill(one.range, 1)
    await t.contents(two.range)
    await file.punchHole(1, 1)
    equal(await one.seen(), ['clear 1'], 'the first mapping')
    equal(await two.seen(), ['clear 0'], 'the second mapping')
  },

  'truncate-takes-private-copies': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const range = await t.mmap(2, { file })
    await t.fill(range, 1)
    await file.truncate(1)
    await rejects('EFAULT', t.peek(range, 1))
    equal(await t.peek(range, 0), 1)
  },

  'punch-hole-leaves-private-copies': async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const range = await t.mmap(2, { file })
    await t.fill(range, 1)
    await file.punchHole(0, 2)
    equal(await t.contents(range), [1, 2])
  },
})
