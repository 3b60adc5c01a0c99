import { equal, rejects } from '../../harness/check.js'
import { caseGroup } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
Mapping a range gives every page or nothing. What the call mapped before the failing page is undone, the
error names the page and the cause; what was mapped before the call stays as it was, and what the CPU
side went through (pages made present) stays too.`

/** How many pages are unmapped when the process unmaps all of `range`. */
async function unmappedByMunmap(t: Scene, range: Parameters<Scene['watch']>[0]): Promise<number> {
  const probe = await t.watch(range)
  const before = t.backend.counters().pagesUnmapped
  await t.space.munmap(range)
  await probe.settled()
  return t.backend.counters().pagesUnmapped - before
}

export const group = caseGroup('mirror/all-or-nothing', ['mirror', 'dma.mirror', 'engine'], {
  'every-page-is-mapped': async (t) => {
    const watch = await t.watch(await t.mmap(3))
    await watch.map('write')
    equal(await unmappedByMunmap(t, watch.range), 3, 'the number of mapped pages')
  },

  'hole-in-the-middle': async (t) => {
    const range = await t.mmap(3)
    const watch = await t.watch(range)
    await t.space.munmap(range.page(1))
    const error = await rejects('EFAULT', watch.map('write'))
    equal(error.page, 1, 'the page that the error names')
    equal(error.range?.equals(range), true, 'the error names the range')
    equal(await unmappedByMunmap(t, range), 0, 'the number of pages left mapped')
  },

  'hole-at-the-end': async (t) => {
    const range = await t.mmap(4)
    const watch = await t.watch(range)
    await t.space.munmap(range.page(3))
    equal((await rejects('EFAULT', watch.map('read'))).page, 3, 'the page that the error names')
    equal(await unmappedByMunmap(t, range), 0, 'the number of pages left mapped')
  },

  'without-the-hole': async (t) => {
    const range = await t.mmap(4)
    const watch = await t.watch(range)
    await t.space.munmap(range.page(3))
    await watch.map('read', range.slice(0, 3))
    equal(await unmappedByMunmap(t, range), 3, 'the number of mapped pages')
  },

  'read-only-at-the-end': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    await t.space.mprotect(range.page(2), 'r')
    const watch = await t.watch(range)
    equal((await rejects('EPERM', watch.map('write'))).page, 2, 'the page that the error names')
    equal(await unmappedByMunmap(t, range), 0, 'the number of pages left mapped')
  },

  'prot-none-at-the-start': async (t) => {
    const range = await t.mmap(2)
    await t.space.mprotect(range.page(0), 'none')
    const watch = await t.watch(range)
    equal((await rejects('EFAULT', watch.map('read'))).page, 0, 'the page that the error names')
  },

  // Translations of an earlier, undone mapping must not work again.
  'old-translations-stay-dead': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const old = await watch.map('write')
    watch.mirror.unmap(range)
    await t.space.mprotect(range.page(1), 'r')
    await rejects('EPERM', watch.map('write'))
    await rejects('EFAULT', old.poke(0, 9), 'a device write')
    equal(await t.contents(range), [1, 2])
  },

  'earlier-mappings-stay': async (t) => {
    const range = await t.mmap(3)
    const watch = await t.watch(range)
    await t.space.munmap(range.page(2))
    const earlier = await watch.map('write', range.page(0))
    await rejects('EFAULT', watch.map('write'))
    await earlier.poke(0, 7)
    equal(await t.peek(range, 0), 7)
    equal(await unmappedByMunmap(t, range), 1, 'the number of pages left mapped')
  },

  // A failed upgrade goes back to read-only, or drops the page with an event.
  'failed-upgrade': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.mprotect(range.page(1), 'r')
    const reading = await watch.map('read', range.page(0))
    await watch.forget()
    await rejects('EPERM', watch.map('write'))
    await t.refused(reading.poke(0, 9))
    if ((await watch.seen()).length === 0) equal(await reading.peek(0), 1, 'a device read')
    equal(await t.peek(range, 0), 1)
  },

  'side-effects-stay': async (t) => {
    const range = await t.mmap(2)
    await t.space.mprotect(range.page(1), 'r')
    const watch = await t.watch(range)
    await rejects('EPERM', watch.map('write'))
    equal(await watch.snapshot(), ['write', 'none'])
  },

  'works-after-the-cause-is-gone': async (t) => {
    const range = await t.mmap(2)
    await t.space.mprotect(range.page(1), 'r')
    const watch = await t.watch(range)
    await rejects('EPERM', watch.map('write'))
    await t.space.mprotect(range.page(1), 'rw')
    const pages = await watch.map('write')
    await pages.poke(1, 3)
    equal(await t.peek(range, 1), 3)
  },
})
