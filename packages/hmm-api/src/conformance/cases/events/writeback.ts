import type { MemoryFile } from '../../../objects/memory-file.js'
import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
A file on a disk is mapped through a page cache. Its shared mappings are read-only until the first write.
Writing a page back raises "protection-page" in each of them, and makes it read-only again.`

async function create(t: Scene, pages: number): Promise<MemoryFile> {
  return t.own(await t.space.createFile({ pages, disk: true }))
}

export const group = caseGroup('events/writeback', ['mirror', 'space.disk'], {
  'read-then-written': async (t) => {
    const file = await create(t, 1)
    const range = await t.mmap(1, { file, shared: true })
    const watch = await t.watch(range)
    await t.peek(range, 0)
    equal(await watch.snapshot(), ['read'], 'when it was read')
    await t.poke(range, 0, 1)
    equal(await watch.snapshot(), ['write'], 'when it was written')
    equal(await watch.seen(), [])
  },

  sync: async (t) => {
    const file = await create(t, 2)
    const range = await t.mmap(2, { file, shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['write', 'write'])
    await file.sync()
    equal(await watch.seen(), ['protection-page 0-1'])
    equal(await watch.snapshot(), ['read', 'read'])
    await watch.forget()
    await t.poke(range, 0, 8)
    equal(await watch.fault('write', range.page(1)), ['write'])
    equal(await watch.seen(), [], 'the next writes')
    equal(await t.contents(range), [8, 2])
  },

  'clean-pages-are-left-alone': async (t) => {
    const file = await create(t, 3)
    const range = await t.mmap(3, { file, shared: true })
    await t.fill(range, 1)
    await file.sync()
    const watch = await t.watch(range)
    await t.poke(range, 1, 9)
    await file.sync()
    equal(await watch.seen(), ['protection-page 1'])
    await watch.forget()
    await file.sync()
    equal(await watch.seen(), [], 'nothing was written since')
  },

  'every-shared-mapping': async (t) => {
    const file = await create(t, 2)
    const one = await t.mmap(2, { file, shared: true })
    const other = await t.mmap(2, { file, shared: true })
    const copy = await t.mmap(2, { file })
    await t.fill(one, 1)
    await t.contents(other)
    await t.fill(copy, 5)
    const watches = [await t.watch(one), await t.watch(other), await t.watch(copy)]
    await t.poke(other, 1, 3)
    await file.sync()
    const seen = await Promise.all(watches.map((watch) => watch.seen()))
    equal(seen, [['protection-page 0-1'], ['protection-page 0-1'], []])
    equal(await watches[2]!.snapshot(), ['write', 'write'], 'private copies')
  },

  // It asks which mappings there are, not which of them have the page in their tables (page_vma_mkclean_one).
  'a-mapping-that-never-touched-it': async (t) => {
    const file = await create(t, 1)
    const range = await t.mmap(1, { file, shared: true })
    const watch = await t.watch(await t.mmap(1, { file, shared: true }))
    await t.poke(range, 0, 1)
    await file.sync()
    equal(await watch.seen(), ['protection-page 0'])
    equal(await watch.snapshot(), ['none'])
  },

  'nobody-has-the-page': async (t) => {
    const file = await create(t, 1)
    const watch = await t.watch(await t.mmap(1, { file, shared: true }))
    await file.write(0, Uint8Array.of(7))
    await file.sync()
    equal(await watch.seen(), [])
    equal(await t.peek(watch.range, 0), 7)
  },

  'written-as-a-file': async (t) => {
    const file = await create(t, 1)
    const range = await t.mmap(1, { file, shared: true })
    await t.peek(range, 0)
    const watch = await t.watch(range)
    await file.write(0, Uint8Array.of(7))
    equal(await watch.seen(), [], 'the write')
    await file.sync()
    equal(await watch.seen(), ['protection-page 0'])
    equal(await t.peek(range, 0), 7)
  },

  'mprotect-keeps-watching': async (t) => {
    const file = await create(t, 2)
    const range = await t.mmap(2, { file, shared: true })
    await t.fill(range, 1)
    await file.sync()
    await t.poke(range, 0, 9)
    await t.space.mprotect(range, 'r')
    await t.space.mprotect(range, 'rw')
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['write', 'read'], 'a clean page waits for its first write')
  },

  'same-memory-after-fork': needing(['space.fork'], async (t) => {
    const file = await create(t, 1)
    const range = await t.mmap(1, { file, shared: true })
    const child = await t.fork()
    await t.poke(range, 0, 7, child)
    equal(await t.peek(range, 0), 7)
    const watches = [await t.watch(range), await t.watch(range, { space: child })]
    await file.sync()
    const seen = await Promise.all(watches.map((watch) => watch.seen()))
    equal(seen, [['protection-page 0'], ['protection-page 0']])
  }),

  'not-served-by-userfaultfd': needing(['space.userfaultfd'], async (t) => {
    const range = await t.mmap(1, { file: await create(t, 1), shared: true })
    await rejects('EINVAL', t.space.userfaultfd(range, { missing: true }))
  }),

  'a-device-writes': needing(['dma.mirror', 'engine'], async (t) => {
    const file = await create(t, 1)
    const range = await t.mmap(1, { file, shared: true })
    const watch = await t.watch(range)
    const device = await watch.map('write')
    await device.poke(0, 5)
    await file.sync()
    await t.refused(device.poke(0, 9))
    equal(await file.read(0, 1), [5])
    const again = await watch.map('write')
    await again.poke(0, 6)
    equal(await t.peek(range, 0), 6)
  }),
})
