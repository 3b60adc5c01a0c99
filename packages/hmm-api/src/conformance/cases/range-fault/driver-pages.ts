import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Pages that a driver mapped into the process (VM_MIXEDMAP, vm_insert_page). A range fault takes them as any
others; in a private mapping the process may read them, and writes a copy. One that is unmapped does not
come back, and none of them moves.`

const driverPages = true

export const group = caseGroup('range-fault/driver-pages', ['mirror', 'space.driver-pages'], {
  private: async (t) => {
    const watch = await t.watch(await t.mmap(2, { driverPages }))
    equal(await watch.snapshot(), ['read', 'read'])
    equal(await watch.fault('read'), ['read', 'read'])
    equal([await t.contents(watch.range), await watch.seen()], [[0, 0], []])
  },

  shared: async (t) => {
    const watch = await t.watch(await t.mmap(2, { driverPages, shared: true }))
    equal(await watch.snapshot(), ['write', 'write'])
    await t.fill(watch.range, 1)
    equal([await t.contents(watch.range), await watch.seen()], [[1, 2], []])
  },

  'read-only': async (t) => {
    const range = await t.mmap(1, { driverPages, shared: true, protection: 'r' })
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['read'])
    await rejects('EPERM', watch.fault('write'))
  },

  'copied-by-the-process': async (t) => {
    const watch = await t.watch(await t.mmap(2, { driverPages }))
    await t.poke(watch.range, 0, 5)
    equal(await watch.seen(), ['clear 0'])
    equal(await watch.snapshot(), ['write', 'read'])
    equal(await t.contents(watch.range), [5, 0])
  },

  'copied-for-a-device': async (t) => {
    const watch = await t.watch(await t.mmap(2, { driverPages }))
    equal(await watch.fault('write'), ['write', 'write'])
    equal(await watch.seen(), ['clear 0-1'])
  },

  'written-by-a-device': needing(['dma.mirror', 'engine'], async (t) => {
    const watch = await t.watch(await t.mmap(1, { driverPages, shared: true }))
    const mapped = await watch.map('write')
    await mapped.poke(0, 7)
    equal(await t.peek(watch.range, 0), 7)
    await t.space.munmap(watch.range)
    await t.refused(mapped.poke(0, 8))
  }),

  'gone-for-good': async (t) => {
    const watch = await t.watch(await t.mmap(2, { driverPages, shared: true }))
    await t.space.madvise(watch.range.page(0), 'dontneed')
    equal(await watch.seen(), ['clear 0'])
    equal(await watch.snapshot(), ['none', 'write'])
    await rejects('EFAULT', watch.fault('read'), 'a fault')
    await rejects('EFAULT', t.peek(watch.range, 0), 'a touch of the CPU')
  },

  'not-migrated': needing(['memory'], async (t) => {
    const watch = await t.watch(await t.mmap(1, { driverPages }))
    await rejects('EINVAL', t.device.memory.migrate(watch.mirror, watch.range, { to: 'device' }))
    equal(await watch.snapshot(), ['read'])
  }),

  'not-swapped': needing(['space.pageout'], async (t) => {
    const watch = await t.watch(await t.mmap(1, { driverPages, shared: true }))
    await t.space.madvise(watch.range, 'pageout')
    equal([await watch.seen(), await watch.snapshot()], [[], ['write']])
  }),

  'fork-of-private': needing(['space.fork'], async (t) => {
    const watch = await t.watch(await t.mmap(2, { driverPages }))
    await t.poke(watch.range, 0, 5)
    await watch.forget()
    const child = await t.fork()
    equal(await watch.seen(), ['protection-page 0-1'])
    equal(await watch.snapshot(), ['read', 'read'])
    const theirs = await t.watch(watch.range, { space: child })
    equal(await theirs.snapshot(), ['read', 'read'], 'the child')
    await t.poke(watch.range, 1, 6, child)
    equal(
      [await t.contents(watch.range), await t.contents(watch.range, child)],
      [
        [5, 0],
        [5, 6],
      ],
    )
  }),

  // remap_pfn_range: the mapping says that there is nothing for anybody else (hmm_vma_walk_test).
  io: async (t) => {
    const watch = await t.watch(await t.mmap(2, { driverPages: 'io', protection: 'r' }))
    equal(
      [await watch.snapshot(), await t.contents(watch.range)],
      [
        ['error', 'error'],
        [0, 0],
      ],
    )
    await rejects('EFAULT', watch.fault('read'))
    equal(await watch.snapshot(), ['error', 'error'])
    await t.space.munmap(watch.range.page(0))
    equal(await watch.seen(), ['unmap 0'])
  },

  // vmf_insert_mixed: each page says so for itself (vm_normal_page in hmm_vma_handle_pte).
  'without-a-struct-page': async (t) => {
    const watch = await t.watch(await t.mmap(2, { driverPages: 'bare', protection: 'r' }))
    equal(
      [await watch.snapshot(), await t.contents(watch.range)],
      [
        ['error', 'error'],
        [0, 0],
      ],
    )
    await rejects('EFAULT', watch.fault('read', watch.range.page(1)))
    await t.space.munmap(watch.range.page(0))
    equal(await watch.seen(), ['unmap 0'])
  },

  'io-beside-memory': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const at = range.page(1).start
    await t.mmap(1, { driverPages: 'io', protection: 'r', at })
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['write', 'error', 'write'])
    const error = await rejects('EFAULT', watch.fault('read'))
    equal(error.page, 1)
  },

  'io-in-a-child': needing(['space.fork'], async (t) => {
    const range = await t.mmap(1, { driverPages: 'io', protection: 'r', shared: true })
    const child = await t.fork()
    const watch = await t.watch(range, { space: child })
    equal([await watch.snapshot(), await t.contents(range, child)], [['error'], [0]])
  }),

  // Page tables are copied: nobody could fault the pages in.
  'fork-of-shared': needing(['space.fork'], async (t) => {
    const watch = await t.watch(await t.mmap(1, { driverPages, shared: true }))
    const child = await t.fork()
    equal([await watch.seen(), await watch.snapshot()], [[], ['write']])
    equal(await (await t.watch(watch.range, { space: child })).snapshot(), ['write'], 'the child')
    await t.poke(watch.range, 0, 9, child)
    equal(await t.peek(watch.range, 0), 9)
  }),

  'unmapped-and-moved': needing(['space.mremap'], async (t) => {
    const watch = await t.watch(await t.mmap(2, { driverPages, shared: true }))
    await t.fill(watch.range, 1)
    const place = await t.mmap(2)
    await t.space.mremap(watch.range, { to: place.start })
    equal(await watch.seen(), ['unmap 0-1'])
    equal(
      [await t.contents(place), await watch.snapshot()],
      [
        [1, 2],
        ['error', 'error'],
      ],
    )
  }),
})
