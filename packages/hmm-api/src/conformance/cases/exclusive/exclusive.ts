import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Device-exclusive access: the CPU loses the page until its next touch, which takes it back with a "clear"
event (restore of the exclusive entry); so do mprotect, munmap and fork. Only anonymous memory can be
exclusive, and only an exclusive page takes atomics of the device.`

export const group = caseGroup(
  'exclusive',
  ['mirror', 'dma.mirror', 'engine', 'exclusive', 'engine.atomics', 'space.atomics'],
  {
    grant: async (t) => {
      const range = await t.mmap(2)
      await t.fill(range, 1)
      const pages = await (await t.watch(range)).exclusive()
      equal(
        [pages.isExclusive, pages.writable],
        [
          [true, true],
          [true, true],
        ],
      )
    },

    // A device-exclusive entry is not present (hmm_vma_handle_pte).
    'takes-the-page-from-the-cpu': needing(['device.shared'], async (t) => {
      const range = await t.mmap(2)
      await t.fill(range, 1)
      const watch = await t.watch(range)
      await watch.exclusive(range.page(0))
      const other = await t.watch(range, { device: await t.openDevice() })
      equal(await other.snapshot(), ['none', 'write'])
    }),

    atomic: async (t) => {
      const range = await t.mmap(1)
      await t.space.fetchAdd(range.start, 5)
      const pages = await (await t.watch(range)).exclusive()
      equal(await pages.fetchAdd(0, 3), 5, 'the value before')
      equal(await t.space.fetchAdd(range.start, 0), 8, 'what the CPU reads')
    },

    'atomic-without-the-grant': async (t) => {
      const range = await t.mmap(1)
      const pages = await (await t.watch(range)).map('write')
      await rejects('EPERM', pages.fetchAdd(0, 1))
      equal(await t.space.fetchAdd(range.start, 0), 0)
    },

    'of-untouched-memory': async (t) => {
      const range = await t.mmap(1)
      const pages = await (await t.watch(range)).exclusive()
      equal(await pages.fetchAdd(0, 1), 0)
      equal(await t.space.fetchAdd(range.start, 0), 1)
    },

    'read-revokes': async (t) => {
      const range = await t.mmap(2)
      await t.fill(range, 1)
      const watch = await t.watch(range)
      const pages = await watch.exclusive()
      await watch.forget()
      equal(await t.peek(range, 0), 1)
      await rejects('EFAULT', pages.fetchAdd(0, 1), 'an atomic of the device')
      equal(await watch.seen(), ['clear 0'])
      equal(await pages.fetchAdd(1, 0), 2, 'its neighbour')
    },

    'write-revokes': async (t) => {
      const range = await t.mmap(1)
      const watch = await t.watch(range)
      const pages = await watch.exclusive()
      await t.poke(range, 0, 9)
      await rejects('EFAULT', pages.fetchAdd(0, 1), 'an atomic of the device')
      equal(await t.peek(range, 0), 9)
    },

    'grant-again': async (t) => {
      const range = await t.mmap(1)
      const watch = await t.watch(range)
      for (let round = 0; round < 4; round++) {
        equal(await (await watch.exclusive()).fetchAdd(0, 1), 2 * round, 'the device')
        equal(await t.space.fetchAdd(range.start, 1), 2 * round + 1, 'the CPU')
      }
    },

    'grant-twice': async (t) => {
      const range = await t.mmap(1)
      const watch = await t.watch(range)
      await watch.exclusive()
      const pages = await watch.exclusive()
      equal(await pages.fetchAdd(0, 1), 0)
    },

    // A fault would take the page back: whoever maps must leave out what it holds.
    'map-keeps-the-grant': async (t) => {
      const range = await t.mmap(3)
      await t.poke(range, 1, 4)
      const watch = await t.watch(range)
      const granted = await watch.exclusive(range.page(1))
      await watch.forget()
      for (const access of ['read', 'write'] as const) {
        const pages = await watch.map(access)
        equal(pages.isExclusive, [false, true, false], `exclusive when mapped to ${access}`)
        equal(pages.dmaPage(1), granted.dmaPage(0), 'the DMA page')
      }
      equal((await watch.map('read', range.page(1))).isExclusive, [true], 'mapped alone')
      equal(
        (await watch.seen()).filter((event) => event.includes('1')),
        [],
        'its events',
      )
      equal(await granted.fetchAdd(0, 1), 4, 'an atomic of the device')
    },

    'present-only-keeps-the-grant': async (t) => {
      const range = await t.mmap(3)
      await t.poke(range, 0, 1)
      const watch = await t.watch(range)
      await watch.exclusive(range.page(1))
      await watch.forget()
      const pages = await watch.map('read', range, { presentOnly: true })
      equal(pages.mapped, [true, true, false])
      equal(pages.isExclusive, [false, true, false])
      equal(await watch.seen(), [])
    },

    // What is not mapped any more is not held: it is restored, and taken again.
    'grant-after-unmap': async (t) => {
      const range = await t.mmap(1)
      await t.poke(range, 0, 4)
      const watch = await t.watch(range)
      await watch.exclusive()
      watch.mirror.unmap(range)
      await watch.forget()
      equal((await watch.map('read')).isExclusive, [false], 'mapped again')
      equal(await watch.seen(), ['clear 0'], 'which restores it')
      await watch.exclusive()
      watch.mirror.unmap(range)
      await watch.forget()
      const pages = await watch.exclusive()
      equal(await watch.seen(), ['clear 0', 'self-exclusive 0'], 'taken again')
      equal(await pages.fetchAdd(0, 1), 4)
    },

    'event-of-its-own': needing(['device.shared'], async (t) => {
      const range = await t.mmap(1)
      await t.poke(range, 0, 1)
      const watch = await t.watch(range)
      const other = await t.watch(range, { device: await t.openDevice() })
      await watch.exclusive()
      equal(await watch.seen(), ['self-exclusive 0'], 'what the device itself is told')
      equal(await other.seen(), ['exclusive 0'], 'what another device is told')
    }),

    'revokes-other-devices': needing(['device.shared'], async (t) => {
      const range = await t.mmap(1)
      await t.poke(range, 0, 1)
      const other = await t.watch(range, { device: await t.openDevice() })
      const old = await other.map('write')
      await (await t.watch(range)).exclusive()
      await rejects('EFAULT', old.poke(0, 9), 'a write of the other device')
      equal(await t.peek(range, 0), 1)
    }),

    mprotect: async (t) => {
      const range = await t.mmap(1)
      const watch = await t.watch(range)
      const pages = await watch.exclusive()
      await t.space.mprotect(range, 'r')
      await rejects('EFAULT', pages.fetchAdd(0, 1), 'an atomic of the device')
      await rejects('EPERM', watch.map('write'), 'mapping it for writing')
    },

    dontneed: async (t) => {
      const watch = await t.watch(await t.mmap(1))
      const pages = await watch.exclusive()
      await pages.fetchAdd(0, 5)
      await t.space.madvise(watch.range, 'dontneed')
      await rejects('EFAULT', pages.fetchAdd(0, 1))
      equal(await t.peek(watch.range, 0), 0)
    },

    'of-device-memory': needing(['memory', 'memory.private'], async (t) => {
      const range = await t.mmap(1)
      await t.poke(range, 0, 3)
      const watch = await t.watch(range)
      await watch.migrate({ to: 'device' })
      const pages = await watch.exclusive()
      equal([pages.isDevice[0], await pages.fetchAdd(0, 4)], [false, 3], 'brought back first')
      equal(await t.peek(range, 0), 7)
    }),

    'migrating-revokes-nothing': needing(['memory'], async (t) => {
      const range = await t.mmap(2)
      await t.fill(range, 1)
      const watch = await t.watch(range)
      await watch.exclusive(range.page(0))
      const result = await watch.migrate({ to: 'device' })
      equal(result.outcome(1), 'migrated')
      ok(result.outcome(0) !== 'migrated', 'the exclusive page stays')
      equal(await t.contents(range), [1, 2])
    }),

    munmap: async (t) => {
      const watch = await t.watch(await t.mmap(1))
      const pages = await watch.exclusive()
      await t.space.munmap(watch.range)
      await rejects('EFAULT', pages.fetchAdd(0, 1))
    },

    fork: needing(['space.fork'], async (t) => {
      const range = await t.mmap(1)
      await t.poke(range, 0, 4)
      const pages = await (await t.watch(range)).exclusive()
      await pages.fetchAdd(0, 1)
      const child = await t.fork()
      await rejects('EFAULT', pages.fetchAdd(0, 1), 'an atomic of the device')
      await t.poke(range, 0, 7)
      equal([await t.peek(range, 0), await t.peek(range, 0, child)], [7, 5])
    }),

    'shared-memory': async (t) => {
      const range = await t.mmap(1, { shared: true })
      await t.poke(range, 0, 1)
      await rejects('EOPNOTSUPP', (await t.watch(range)).exclusive())
      equal(await t.peek(range, 0), 1)
    },

    // What becomes of its entry on the way says nothing of writing; that the page is the process's own does.
    'huge-page-taken-apart': needing(['space.hugepage'], async (t) => {
      const pages = t.pageSize / 8
      const area = await t.mmap(2 * pages)
      const range = area.slice((pages - (area.startPage % pages)) % pages, pages)
      for (const page of [0, 1, 2]) await t.poke(range, page, page + 1)
      await t.space.madvise(range, 'collapse')
      const watch = await t.watch(range.slice(0, 3))
      const held = await watch.exclusive(range.page(1))
      await t.space.madvise(range.page(2), 'cold')
      await rejects('EFAULT', held.fetchAdd(0, 1), 'an atomic of the device')
      equal(await watch.snapshot(), ['write', 'read', 'write'])
      await t.poke(range, 1, 9)
      equal(await watch.snapshot(), ['write', 'write', 'write'])
      equal(await t.contents(range.slice(0, 3)), [1, 9, 3])
    }),

    hole: async (t) => {
      const range = await t.mmap(2)
      await t.fill(range, 1)
      await t.space.munmap(range.page(1))
      await rejects('EFAULT', (await t.watch(range)).exclusive())
      equal(await t.peek(range, 0), 1, 'the page before it')
    },

    // get_user_pages for writing refuses with EFAULT, hmm_range_fault with EPERM.
    'read-only': async (t) => {
      const range = await t.mmap(1)
      await t.poke(range, 0, 1)
      await t.space.mprotect(range, 'r')
      await rejects(['EPERM', 'EFAULT'], (await t.watch(range)).exclusive())
      equal(await t.peek(range, 0), 1)
    },

    'throwing-commit': async (t) => {
      const range = await t.mmap(1)
      const { mirror } = await t.watch(range)
      await rejects(
        RangeError,
        mirror.exclusive<void>(range, {}, () => {
          throw new RangeError('of the driver')
        }),
      )
      equal(await t.space.fetchAdd(range.start, 1), 0)
    },
  },
)
