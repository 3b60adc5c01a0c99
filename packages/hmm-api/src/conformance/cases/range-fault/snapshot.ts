import { equal, ok } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
A snapshot (hmm_range_fault without a request) says what is there and changes nothing. The table of
results by situation: absent, zero page, written, protected, not accessible, no mapping at all,
shared by copy-on-write, shared memory, files. An area that cannot be accessed is an error for its
pages only; the walk goes on behind it (hmm_vma_walk_test).`

export const group = caseGroup('range-fault/snapshot', ['mirror'], {
  untouched: async (t) => {
    const watch = await t.watch(await t.mmap(2))
    equal(await watch.snapshot(), ['none', 'none'])
  },

  'changes-nothing': async (t) => {
    const watch = await t.watch(await t.mmap(2))
    await watch.snapshot()
    equal(await watch.snapshot(), ['none', 'none'], 'a second snapshot')
    equal(await watch.seen(), [], 'what a snapshot invalidates')
  },

  // Results may be kept in the same memory one after the other; nothing of the first may show.
  'after-another': async (t) => {
    const range = await t.mmap(4)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['write', 'write', 'write', 'write'])
    await t.space.munmap(range.page(1))
    await t.space.mprotect(range.page(2), 'r')
    await t.space.madvise(range.page(3), 'dontneed')
    equal(await watch.snapshot(), ['write', 'error', 'read', 'none'])
  },

  // The zero page is valid and never writable (is_zero_pfn in hmm_vma_handle_pte).
  'zero-page': async (t) => {
    const range = await t.mmap(2)
    await t.peek(range, 1)
    equal(await (await t.watch(range)).snapshot(), ['none', 'read'])
  },

  written: async (t) => {
    const range = await t.mmap(3)
    await t.poke(range, 1, 1)
    equal(await (await t.watch(range)).snapshot(), ['none', 'write', 'none'])
  },

  populated: async (t) => {
    const range = await t.mmap(2, { populate: true })
    equal(await (await t.watch(range)).snapshot(), ['write', 'write'])
  },

  'made-read-only': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.mprotect(range.page(0), 'r')
    equal(await (await t.watch(range)).snapshot(), ['read', 'write'])
  },

  // PROT_NONE is an error even where pages are present: the area lacks VM_READ.
  'prot-none': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    await t.space.mprotect(range.page(1), 'none')
    equal(await (await t.watch(range)).snapshot(), ['write', 'error', 'write'])
  },

  'prot-none-untouched': async (t) => {
    const range = await t.mmap(2, { protection: 'none' })
    equal(await (await t.watch(range)).snapshot(), ['error', 'error'])
  },

  // The page tables may allow reads, the area does not: VM_READ decides.
  'write-only': async (t) => {
    const range = await t.mmap(1, { protection: 'w' })
    await t.poke(range, 0, 1)
    equal(await (await t.watch(range)).snapshot(), ['error'])
  },

  'exec-only': async (t) => {
    const range = await t.mmap(1, { protection: 'x' })
    equal(await (await t.watch(range)).snapshot(), ['error'])
  },

  hole: async (t) => {
    const range = await t.mmap(3)
    await t.space.munmap(range)
    equal(await (await t.watch(range)).snapshot(), ['error', 'error', 'error'])
  },

  'goes-on-behind-a-hole': async (t) => {
    const range = await t.mmap(4)
    await t.fill(range, 1)
    await t.space.munmap(range.slice(1, 2))
    equal(await (await t.watch(range)).snapshot(), ['write', 'error', 'error', 'write'])
  },

  'part-of-the-watched-range': async (t) => {
    const range = await t.mmap(4)
    await t.poke(range, 2, 1)
    const watch = await t.watch(range)
    equal(await watch.snapshot(range.slice(2, 2)), ['write', 'none'])
  },

  dontneed: async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.madvise(range.page(0), 'dontneed')
    equal(await (await t.watch(range)).snapshot(), ['none', 'write'])
  },

  // fork makes private pages read-only in both processes.
  'copy-on-write': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    await t.poke(range, 0, 1)
    const child = await t.fork()
    equal(await (await t.watch(range)).snapshot(), ['read', 'none'], 'the parent')
    const childWatch = await t.watch(range, { space: child })
    equal(await childWatch.snapshot(), ['read', 'none'], 'the child')
  }),

  'copied-on-write': needing(['space.fork'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const child = await t.fork()
    await t.poke(range, 0, 2, child)
    const childWatch = await t.watch(range, { space: child })
    equal(await childWatch.snapshot(), ['write'], 'the child')
  }),

  'shared-memory': async (t) => {
    const range = await t.mmap(2, { shared: true })
    await t.poke(range, 1, 1)
    equal(await (await t.watch(range)).snapshot(), ['none', 'write'])
  },

  // Shared memory is not copied: fork leaves it writable (is_cow_mapping is false).
  'shared-memory-after-fork': needing(['space.fork'], async (t) => {
    const range = await t.mmap(1, { shared: true })
    await t.poke(range, 0, 1)
    await t.fork()
    equal(await (await t.watch(range)).snapshot(), ['write'])
  }),

  'private-file-read': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(1, { file })
    await t.peek(range, 0)
    equal(await (await t.watch(range)).snapshot(), ['read'])
  }),

  'private-file-written': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(1, { file })
    await t.poke(range, 0, 1)
    equal(await (await t.watch(range)).snapshot(), ['write'])
  }),

  'shared-file-written': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(1, { file, shared: true })
    await t.poke(range, 0, 1)
    equal(await (await t.watch(range)).snapshot(), ['write'])
  }),

  'same-page-same-frame': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const child = await t.fork()
    const framesOf = async (space: typeof child): Promise<number[]> => {
      const watch = await t.watch(range, { space })
      return watch.commit((pages) => [pages.frame(0), pages.frame(1)])
    }
    const [parents, childs] = [await framesOf(t.space), await framesOf(child)]
    equal(childs, parents, 'the frames that the child shares')
    ok(parents[0] !== parents[1], 'different pages have different frames')
  }),
})
