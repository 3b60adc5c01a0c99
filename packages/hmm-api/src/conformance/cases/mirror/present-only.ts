import { equal } from '../../harness/check.js'
import { caseGroup } from '../../harness/case.js'

export const description = `
With presentOnly a map faults nothing: it maps what is there, leaves out what is not, and areas that
cannot be accessed are no error. Registering memory works this way.`

export const group = caseGroup('mirror/present-only', ['mirror', 'dma.mirror', 'engine'], {
  'leaves-out-absent-pages': async (t) => {
    const range = await t.mmap(3)
    await t.poke(range, 1, 5)
    const watch = await t.watch(range)
    const pages = await watch.map('read', range, { presentOnly: true })
    equal(pages.mapped, [false, true, false], 'what is mapped')
    equal(await pages.peek(1), 5)
    equal(await watch.snapshot(), ['none', 'write', 'none'], 'a snapshot afterwards')
  },

  'nothing-present': async (t) => {
    const range = await t.mmap(2)
    const watch = await t.watch(range)
    equal((await watch.map('write', range, { presentOnly: true })).mapped, [false, false])
  },

  'leaves-out-holes': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.munmap(range.page(1))
    const watch = await t.watch(range)
    const pages = await watch.map('read', range, { presentOnly: true })
    equal(pages.mapped, [true, false])
  },

  'leaves-out-prot-none': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.mprotect(range.page(0), 'none')
    const watch = await t.watch(range)
    const pages = await watch.map('read', range, { presentOnly: true })
    equal(pages.mapped, [false, true])
  },

  'everything-present': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const pages = await watch.map('write', range, { presentOnly: true })
    equal(
      [pages.mapped, pages.writable],
      [
        [true, true],
        [true, true],
      ],
    )
  },
})
