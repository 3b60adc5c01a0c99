import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import { pageOf, Server } from '../../harness/serve.js'

export const description = `
A userfaultfd serves page faults of a process: whoever touches a page waits until it is filled or its
protection taken away. Filling raises nothing, since nothing was there; write protection raises
"protection-vma" over what it covers, when it comes and when it goes.`

const missing = { missing: true } as const
/** What cases of UFFDIO_MOVE need. */
const move = ['space.userfaultfd.move'] as const
const writeProtect = { writeProtect: true } as const

export const group = caseGroup('events/userfaultfd', ['mirror', 'space.userfaultfd'], {
  'read-waits-for-a-copy': async (t) => {
    const range = await t.mmap(2)
    const server = await Server.open(t, range, missing)
    const watch = await t.watch(range)
    const read = t.peek(range, 1)
    equal(await server.nextIn(range), 'missing read 1')
    await server.userfaultfd.copy(range.page(1), pageOf(t, 7))
    equal(await read, 7)
    equal(await watch.snapshot(), ['none', 'write'])
    equal(await watch.seen(), [])
  },

  'write-waits-for-a-copy': async (t) => {
    const range = await t.mmap(1)
    const server = await Server.open(t, range, missing)
    const write = t.poke(range, 0, 9)
    equal(await server.nextIn(range), 'missing write 0')
    await server.userfaultfd.copy(range, pageOf(t, 7))
    await write
    equal(await t.peek(range, 0), 9)
  },

  'zero-page': async (t) => {
    const range = await t.mmap(2)
    const server = await Server.open(t, range, missing)
    const watch = await t.watch(range)
    await server.userfaultfd.zeropage(range)
    equal(await watch.snapshot(), ['read', 'read'])
    equal(await watch.seen(), [])
    await t.poke(range, 0, 1)
    equal(await watch.seen(), ['clear 0'], 'the write')
  },

  'copied-before-it-is-touched': async (t) => {
    const range = await t.mmap(3)
    const server = await Server.open(t, range, missing)
    await server.userfaultfd.copy(range, pageOf(t, 1, 3))
    equal(await t.contents(range), [1, 2, 3])
  },

  'copied-twice': async (t) => {
    const range = await t.mmap(2)
    const server = await Server.open(t, range, missing)
    await server.userfaultfd.copy(range.page(1), pageOf(t, 1))
    const error = await rejects('EEXIST', server.userfaultfd.copy(range, pageOf(t, 5, 2)))
    equal(error.page, 1, 'the page')
    equal(await t.contents(range), [5, 1])
  },

  'not-registered': async (t) => {
    const range = await t.mmap(2)
    const server = await Server.open(t, range.page(0), missing)
    await rejects('ENOENT', server.userfaultfd.copy(range.page(1), pageOf(t, 1)), 'copy')
    await rejects('ENOENT', server.userfaultfd.writeProtect(range.page(0)), 'writeProtect')
    const protectedCopy = server.userfaultfd.copy(range.page(0), pageOf(t, 1), writeProtect)
    await rejects('EINVAL', protectedCopy, 'a protected copy')
  },

  'nothing-is-mapped': async (t) => {
    const range = await t.mmap(1)
    await t.space.munmap(range)
    await rejects('EINVAL', t.space.userfaultfd(range, missing))
    await rejects(TypeError, t.space.userfaultfd(range, {}))
  },

  'two-of-one-range': async (t) => {
    const range = await t.mmap(2)
    await Server.open(t, range.page(0), missing)
    await rejects('EBUSY', t.space.userfaultfd(range, missing))
    await Server.open(t, range.page(1), missing)
  },

  'closed-while-a-read-waits': async (t) => {
    const range = await t.mmap(1)
    const server = await Server.open(t, range, missing)
    const read = t.peek(range, 0)
    await server.next()
    await server.userfaultfd.close()
    equal(await read, 0)
  },

  'killed-while-a-read-waits': async (t) => {
    const other = await t.spawn()
    const range = await other.mmap({ pages: 1 })
    const server = await Server.open(t, range, missing, other)
    const read = t.peek(range, 0, other)
    await server.next()
    const ended = rejects('ESRCH', read)
    await other.kill()
    await ended
  },

  'dropped-and-missing-again': async (t) => {
    const range = await t.mmap(1)
    const server = await Server.open(t, range, missing)
    await server.userfaultfd.copy(range, pageOf(t, 1))
    await t.space.madvise(range, 'dontneed')
    const read = t.peek(range, 0)
    await server.next()
    await server.userfaultfd.copy(range, pageOf(t, 2))
    equal(await read, 2)
  },

  'write-protection': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const server = await Server.open(t, range, writeProtect)
    const watch = await t.watch(range)
    await server.userfaultfd.writeProtect(range)
    equal(await watch.seen(), ['protection-vma 0-1'])
    equal(await watch.snapshot(), ['read', 'read'])
    await watch.forget()
    const write = t.poke(range, 0, 9)
    equal(await server.nextIn(range), 'write-protect write 0')
    await server.userfaultfd.writeProtect(range.page(0), { on: false })
    await write
    equal(await watch.seen(), ['protection-vma 0'])
    equal(await watch.snapshot(), ['write', 'read'])
    equal(await t.contents(range), [9, 2])
  },

  'write-protection-of-what-is-not-there': async (t) => {
    const range = await t.mmap(1)
    const server = await Server.open(t, range, writeProtect)
    const watch = await t.watch(range)
    await server.userfaultfd.writeProtect(range)
    equal(await watch.seen(), ['protection-vma 0'])
    equal(await t.peek(range, 0), 0)
    equal(await watch.snapshot(), ['read'])
    const write = t.poke(range, 0, 3)
    await server.next()
    await server.userfaultfd.writeProtect(range, { on: false })
    await write
    equal(await t.peek(range, 0), 3)
  },

  'copied-protected': async (t) => {
    const range = await t.mmap(1)
    const server = await Server.open(t, range, { missing: true, writeProtect: true })
    await server.userfaultfd.copy(range, pageOf(t, 4), writeProtect)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['read'])
    const write = t.poke(range, 0, 5)
    equal(await server.nextIn(range), 'write-protect write 0')
    await server.userfaultfd.writeProtect(range, { on: false })
    await write
    equal(await t.peek(range, 0), 5)
  },

  'protection-ends-with-it': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const server = await Server.open(t, range, writeProtect)
    await server.userfaultfd.writeProtect(range)
    const watch = await t.watch(range)
    await server.userfaultfd.close()
    equal(await watch.seen(), ['protection-vma 0'])
    equal(await watch.snapshot(), ['write'])
    await t.poke(range, 0, 2)
  },

  'mprotect-keeps-the-protection': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const server = await Server.open(t, range, writeProtect)
    await server.userfaultfd.writeProtect(range)
    await t.space.mprotect(range, 'r')
    await t.space.mprotect(range, 'rw')
    equal(await (await t.watch(range)).snapshot(), ['read'])
  },

  'swapped-and-still-protected': needing(['space.pageout'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const server = await Server.open(t, range, writeProtect)
    await server.userfaultfd.writeProtect(range)
    await t.space.madvise(range, 'pageout')
    equal(await t.peek(range, 0), 1)
    equal(await (await t.watch(range)).snapshot(), ['read'])
    const write = t.poke(range, 0, 2)
    await server.next()
    await server.userfaultfd.writeProtect(range, { on: false })
    await write
  }),

  'a-child-is-not-served': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    await t.poke(range, 0, 1)
    const server = await Server.open(t, range, { missing: true, writeProtect: true })
    await server.userfaultfd.writeProtect(range)
    const child = await t.fork()
    await t.poke(range, 0, 2, child)
    equal(await t.contents(range, child), [2, 0])
    equal(await t.peek(range, 0), 1)
  }),

  'a-new-place-is-not-served': needing(['space.mremap'], async (t) => {
    const range = await t.mmap(2)
    await t.poke(range, 0, 1)
    const server = await Server.open(t, range, { missing: true, writeProtect: true })
    await server.userfaultfd.writeProtect(range.page(0))
    const target = await t.mmap(2)
    const moved = await t.space.mremap(range, { to: target.start })
    await t.poke(moved, 0, 2)
    equal(await t.contents(moved), [2, 0])
  }),

  'shared-memory': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2, { shared: true })
    const child = await t.fork()
    const server = await Server.open(t, range, missing)
    const read = t.peek(range, 0)
    await server.next()
    await server.userfaultfd.copy(range.page(0), pageOf(t, 6))
    equal(await read, 6)
    equal(await t.peek(range, 0, child), 6)
    await t.poke(range, 1, 4, child)
    equal(await t.peek(range, 1), 4, 'what the child made is not missing')
  }),

  'write-protection-of-shared-memory': async (t) => {
    const range = await t.mmap(2, { shared: true })
    await t.poke(range, 0, 1)
    const server = await Server.open(t, range, writeProtect)
    await server.userfaultfd.writeProtect(range)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['read', 'none'])
    await t.space.madvise(range.page(0), 'dontneed')
    equal(await t.peek(range, 0), 1)
    equal(await watch.snapshot(), ['read', 'none'], 'after it was dropped and read')
    const write = t.poke(range, 0, 2)
    await server.next()
    await server.userfaultfd.writeProtect(range, { on: false })
    await write
    equal(await watch.snapshot(), ['write', 'none'])
  },

  hugetlb: needing(['space.hugetlb'], async (t) => {
    const pages = (2 * 2 ** 20) / t.pageSize
    const range = await t.mmap(pages, { hugetlb: '2M' })
    const server = await Server.open(t, range, missing)
    const part = server.userfaultfd.copy(range.page(0), pageOf(t, 1))
    await rejects('EINVAL', part, 'a part of a huge page')
    await rejects('EINVAL', server.userfaultfd.zeropage(range), 'a zero page')
    const read = t.peek(range, 2)
    equal(await server.nextIn(range), 'missing read 2')
    await server.userfaultfd.copy(range, pageOf(t, 0, pages))
    equal(await read, 2)
    await rejects('EINVAL', t.space.userfaultfd(range.page(0), missing), 'a part of one')
  }),

  'not-migrated-where-nothing-is': needing(['memory'], async (t) => {
    const range = await t.mmap(1)
    const watch = await t.watch(range)
    await Server.open(t, range, missing)
    await watch.migrate({ to: 'device' })
    equal(await watch.snapshot(), ['none'])
  }),

  move: needing([...move], async (t) => {
    const from = await t.mmap(2)
    const range = await t.mmap(2)
    await t.fill(from, 5)
    const server = await Server.open(t, range, missing)
    const watches = [await t.watch(from), await t.watch(range)]
    await server.userfaultfd.move(range, from)
    equal(await Promise.all(watches.map((watch) => watch.seen())), [['clear 0-1'], []])
    equal(await watches[0]!.snapshot(), ['none', 'none'])
    equal(await watches[1]!.snapshot(), ['write', 'write'])
    equal(
      [await t.contents(range), await t.contents(from)],
      [
        [5, 6],
        [0, 0],
      ],
    )
  }),

  'a-device-waits-for-a-move': needing([...move, 'mirror.userfaultfd'], async (t) => {
    const from = await t.mmap(1)
    const range = await t.mmap(1)
    await t.poke(from, 0, 7)
    const server = await Server.open(t, range, missing)
    const frame = await (await t.watch(from)).commit((pages) => pages.frame(0))
    const watch = await t.watch(range)
    const fault = watch.fault('read')
    await server.userfaultfd.move((await server.next()).page, from)
    equal(await fault, ['write'])
    equal(await watch.commit((pages) => pages.frame(0) === frame), true, 'nothing is copied')
    equal(await t.peek(range, 0), 7)
  }),

  'move-of-the-zero-page': needing([...move], async (t) => {
    const from = await t.mmap(1)
    const range = await t.mmap(1)
    await t.peek(from, 0)
    const server = await Server.open(t, range, missing)
    const watch = await t.watch(range)
    await server.userfaultfd.move(range, from)
    equal(await watch.snapshot(), ['read'])
  }),

  'move-where-nothing-is': needing([...move], async (t) => {
    const from = await t.mmap(2)
    const range = await t.mmap(2)
    await t.poke(from, 0, 7)
    const server = await Server.open(t, range, missing)
    const error = await rejects('ENOENT', server.userfaultfd.move(range, from))
    equal(error.page, 1, 'the page')
    equal(await t.peek(range, 0), 7, 'the one before it is moved')
  }),

  'move-to-where-a-page-is': needing([...move], async (t) => {
    const from = await t.mmap(2)
    const range = await t.mmap(2)
    await t.fill(from, 5)
    const server = await Server.open(t, range, missing)
    await server.userfaultfd.copy(range.page(1), pageOf(t, 1))
    const error = await rejects('EEXIST', server.userfaultfd.move(range, from))
    equal(error.page, 1, 'the page')
    equal(await t.contents(range), [5, 1])
    equal(await t.peek(from, 1), 6)
  }),

  'move-of-what-a-child-has': needing([...move, 'space.fork'], async (t) => {
    const from = await t.mmap(1)
    const range = await t.mmap(1)
    await t.poke(from, 0, 7)
    const child = await t.fork()
    const server = await Server.open(t, range, missing)
    await rejects('EBUSY', server.userfaultfd.move(range, from))
    equal([await t.peek(from, 0), await t.peek(from, 0, child)], [7, 7])
  }),

  'move-of-a-pinned-page': needing([...move, 'space.pin'], async (t) => {
    const from = await t.mmap(1)
    const range = await t.mmap(1)
    await t.poke(from, 0, 7)
    t.own(await t.space.pin(from))
    const server = await Server.open(t, range, missing)
    await rejects('EBUSY', server.userfaultfd.move(range, from))
    equal(await t.peek(from, 0), 7)
  }),

  'move-of-a-swapped-page': needing([...move, 'space.pageout'], async (t) => {
    const from = await t.mmap(1)
    const range = await t.mmap(1)
    await t.poke(from, 0, 7)
    await t.space.madvise(from, 'pageout')
    const server = await Server.open(t, range, missing)
    const watch = await t.watch(range)
    await server.userfaultfd.move(range, from)
    equal(await watch.snapshot(), ['none'], 'it stays swapped out')
    equal(await t.peek(range, 0), 7)
  }),

  'move-of-other-memory': needing([...move], async (t) => {
    const range = await t.mmap(1)
    const server = await Server.open(t, range, missing)
    const shared = await t.mmap(1, { shared: true })
    const readOnly = await t.mmap(1, { protection: 'r' })
    for (const from of [shared, readOnly]) {
      await rejects('EINVAL', server.userfaultfd.move(range, from))
    }
    await rejects('EINVAL', server.userfaultfd.move(shared, range), 'to what is not registered')
    await rejects(RangeError, server.userfaultfd.move(range, await t.mmap(2)), 'two to one')
  }),

  'a-device-keeps-nothing-of-what-moves': needing([...move, 'dma.mirror', 'engine'], async (t) => {
    const from = await t.mmap(1)
    const range = await t.mmap(1)
    await t.poke(from, 0, 7)
    const server = await Server.open(t, range, missing)
    const device = await (await t.watch(from)).map('write')
    await server.userfaultfd.move(range, from)
    await t.refused(device.poke(0, 9))
    equal(await t.peek(range, 0), 7)
  }),
})
