import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
A range fault with a request makes pages present, as a CPU access of that kind would: zero page for
reads, a page of one's own for writes, copy-on-write broken. What cannot be accessed is EFAULT, a
write to a read-only area EPERM; the fault of a whole range fails at the first such page.`

export const group = caseGroup('range-fault/fault', ['mirror'], {
  'read-of-a-hole': async (t) => {
    const range = await t.mmap(2)
    const watch = await t.watch(range)
    equal(await watch.fault('read'), ['read', 'read'])
    equal(await t.contents(range), [0, 0])
  },

  'write-of-a-hole': async (t) => {
    const range = await t.mmap(2)
    const watch = await t.watch(range)
    equal(await watch.fault('write'), ['write', 'write'])
    equal(await t.contents(range), [0, 0])
  },

  'read-of-present-pages': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    equal(await watch.fault('read'), ['write', 'write'])
    equal(await watch.seen(), [], 'what it invalidates')
  },

  // The write replaces the zero page, for this page only.
  'write-to-the-zero-page': async (t) => {
    const range = await t.mmap(2)
    await t.contents(range)
    const watch = await t.watch(range)
    equal(await watch.fault('write', range.page(1)), ['write'])
    equal(await watch.snapshot(), ['read', 'write'])
  },

  'write-breaks-copy-on-write': needing(['space.fork'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 7)
    const child = await t.fork()
    equal(await (await t.watch(range)).fault('write'), ['write'], 'the parent')
    equal(await (await t.watch(range, { space: child })).snapshot(), ['read'], 'the child')
    equal(await t.peek(range, 0, child), 7)
  }),

  'write-to-read-only': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.mprotect(range, 'r')
    const watch = await t.watch(range)
    await rejects('EPERM', watch.fault('write'))
    equal(await watch.fault('read'), ['read', 'read'], 'reading')
    equal(await t.contents(range), [1, 2])
  },

  'write-to-read-only-untouched': async (t) => {
    const watch = await t.watch(await t.mmap(1, { protection: 'r' }))
    await rejects('EPERM', watch.fault('write'))
    equal(await watch.snapshot(), ['none'], 'a refused write')
  },

  'write-after-mprotect': async (t) => {
    const range = await t.mmap(1, { protection: 'r' })
    await t.peek(range, 0)
    await t.space.mprotect(range, 'rw')
    equal(await (await t.watch(range)).fault('write'), ['write'])
  },

  'prot-none': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.mprotect(range, 'none')
    const watch = await t.watch(range)
    await rejects('EFAULT', watch.fault('read'), 'reading')
    await rejects('EFAULT', watch.fault('write'), 'writing')
    await t.space.mprotect(range, 'rw')
    equal(await t.contents(range), [1, 2], 'the data')
  },

  hole: async (t) => {
    const range = await t.mmap(1)
    await t.space.munmap(range)
    await rejects('EFAULT', (await t.watch(range)).fault('read'))
  },

  'hole-in-the-middle': async (t) => {
    const range = await t.mmap(3)
    await t.space.munmap(range.page(1))
    const watch = await t.watch(range)
    await rejects('EFAULT', watch.fault('read'))
    equal(await watch.fault('read', range.page(0)), ['read'], 'the page before it')
    equal(await watch.fault('read', range.page(2)), ['read'], 'the page behind it')
  },

  'hole-at-the-end': async (t) => {
    const range = await t.mmap(3)
    await t.space.munmap(range.page(2))
    const watch = await t.watch(range)
    await rejects('EFAULT', watch.fault('write'))
    equal(await watch.fault('write', range.slice(0, 2)), ['write', 'write'], 'up to it')
  },

  // What was faulted before the failing page stays: the CPU side is not undone.
  'side-effects-stay': async (t) => {
    const range = await t.mmap(2)
    await t.space.mprotect(range.page(1), 'r')
    const watch = await t.watch(range)
    await rejects('EPERM', watch.fault('write'))
    equal(await watch.snapshot(), ['write', 'none'])
  },

  'shared-memory': async (t) => {
    const watch = await t.watch(await t.mmap(2, { shared: true }))
    equal(await watch.fault('write'), ['write', 'write'])
  },

  'shared-file': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const range = await t.mmap(2, { file, shared: true })
    equal(await (await t.watch(range)).fault('write'), ['write', 'write'])
  }),

  'private-file': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    await t.poke(await t.mmap(1, { file, shared: true }), 0, 5)
    const range = await t.mmap(1, { file })
    const watch = await t.watch(range)
    equal(await watch.fault('read'), ['read'], 'reading')
    equal(await watch.fault('write'), ['write'], 'writing')
    equal(await t.peek(range, 0), 5)
  }),

  // Beyond the end of a file a CPU access is SIGBUS (VM_FAULT_SIGBUS): EFAULT.
  'beyond-the-end-of-a-file': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(2, { file, shared: true })
    const watch = await t.watch(range)
    await rejects('EFAULT', watch.fault('read'))
    equal(await watch.fault('read', range.page(0)).then((states) => states.length), 1)
  }),

  'file-page-offset': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 3 }))
    await t.fill(await t.mmap(3, { file, shared: true }), 1)
    const range = await t.mmap(2, { file, filePage: 1 })
    await (await t.watch(range)).fault('read')
    equal(await t.contents(range), [2, 3])
  }),
})
