import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Mapping a range for the device faults its pages and gives each a DMA page that reaches the process's
bytes, with the right that was asked for and no more: a page mapped for reading stays read-only for
the device, whatever the CPU may do with it.`

export const group = caseGroup('mirror/map', ['mirror', 'dma.mirror', 'engine'], {
  read: async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const pages = await (await t.watch(range)).map('read')
    equal(pages.mapped, [true, true, true], 'what is mapped')
    equal([await pages.peek(0), await pages.peek(1), await pages.peek(2)], [1, 2, 3])
  },

  write: async (t) => {
    const range = await t.mmap(2)
    const pages = await (await t.watch(range)).map('write')
    equal(pages.writable, [true, true])
    await pages.poke(0, 5)
    await pages.poke(1, 6, t.pageSize - 1)
    equal(await t.peek(range, 0), 5)
    equal([...(await t.space.read(range.at(2 * t.pageSize - 1), 1))], [6], 'the last byte')
  },

  'whole-page': async (t) => {
    const range = await t.mmap(1)
    const bytes = Uint8Array.from({ length: t.pageSize }, (_, index) => index % 251)
    await t.space.write(range.start, bytes)
    const pages = await (await t.watch(range)).map('read')
    const size = Math.min(t.pageSize, t.device.engine.maxBytes)
    equal(await t.device.engine.read(pages.address(0), size), bytes.subarray(0, size))
  },

  'read-populates': async (t) => {
    const range = await t.mmap(1)
    const watch = await t.watch(range)
    equal(await (await watch.map('read')).peek(0), 0)
    equal(await watch.snapshot(), ['read'])
  },

  'write-populates': async (t) => {
    const range = await t.mmap(1)
    const watch = await t.watch(range)
    await watch.map('write')
    equal(await watch.snapshot(), ['write'])
  },

  'sees-later-writes': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const pages = await (await t.watch(range)).map('read')
    await t.poke(range, 0, 2)
    equal(await pages.peek(0), 2)
  },

  'read-stays-read-only': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const pages = await (await t.watch(range)).map('read')
    equal(pages.writable, [false], 'what the mapping says')
    await t.refused(pages.poke(0, 9))
    equal(await t.peek(range, 0), 1)
  },

  // A writable mapping of the zero page would let the device write into every process.
  'zero-page-stays-zero': async (t) => {
    const range = await t.mmap(1)
    const elsewhere = await t.mmap(1)
    await t.peek(elsewhere, 0)
    const pages = await (await t.watch(range)).map('read')
    await t.refused(pages.poke(0, 9))
    equal([await t.peek(range, 0), await t.peek(elsewhere, 0)], [0, 0])
  },

  'write-to-read-only': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await t.space.mprotect(range, 'r')
    const watch = await t.watch(range)
    await rejects('EPERM', watch.map('write'))
    equal(await (await watch.map('read')).peek(0), 1, 'reading')
  },

  'write-after-mprotect': async (t) => {
    const range = await t.mmap(1, { protection: 'r' })
    const watch = await t.watch(range)
    const reading = await watch.map('read')
    equal(await reading.peek(0), 0)
    await t.space.mprotect(range, 'rw')
    await (await watch.map('write')).poke(0, 5)
    equal(await t.peek(range, 0), 5)
  },

  'again-same-dma-pages': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const [first, second] = [await watch.map('write'), await watch.map('write')]
    equal([second.dmaPage(0), second.dmaPage(1)], [first.dmaPage(0), first.dmaPage(1)])
  },

  'upgrade-keeps-the-dma-page': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const reading = await watch.map('read')
    const writing = await watch.map('write')
    equal(writing.dmaPage(0), reading.dmaPage(0), 'the DMA page')
    equal(await reading.peek(0), 1, 'reading with the old translation')
    await writing.poke(0, 2)
    equal(await t.peek(range, 0), 2)
  },

  'read-again-keeps-the-right-to-write': async (t) => {
    const range = await t.mmap(1)
    const watch = await t.watch(range)
    const writing = await watch.map('write')
    await watch.map('read')
    await writing.poke(0, 3)
    equal(await t.peek(range, 0), 3)
  },

  'part-of-the-mirror': async (t) => {
    const range = await t.mmap(4)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const pages = await watch.map('read', range.slice(2, 2))
    equal([await pages.peek(0), await pages.peek(1)], [3, 4])
  },

  'through-dma-map': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 4)
    const { mirror } = await t.watch(range)
    const address = await t.device.dma.map<bigint>(mirror.select(), { access: 'read' }, (mapping) =>
      mapping.dmaAddress(0),
    )
    equal([...(await t.device.engine.read(address as never, 1))], [4])
  },

  'runs-cover-all-pages': async (t) => {
    const range = await t.mmap(5)
    const { mirror } = await t.watch(range)
    const pages = await mirror.map<number[]>(range, { access: 'write' }, (mapping) =>
      mapping.runs().flatMap((run) => Array.from({ length: run.pages }, (_, i) => run.first + i)),
    )
    equal(pages, [0, 1, 2, 3, 4])
  },

  unmap: async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const pages = await watch.map('read')
    watch.mirror.unmap(range.page(1))
    await rejects('EFAULT', pages.peek(1), 'the unmapped page')
    equal([await pages.peek(0), await pages.peek(2)], [1, 3], 'its neighbours')
  },

  'unmap-twice': async (t) => {
    const watch = await t.watch(await t.mmap(1))
    await watch.map('read')
    watch.mirror.unmap(watch.range)
    watch.mirror.unmap(watch.range)
    equal(await (await watch.map('read')).peek(0), 0, 'mapped again')
  },

  'close-unmaps': async (t) => {
    const watch = await t.watch(await t.mmap(1))
    const pages = await watch.map('write')
    await watch.mirror.close()
    await rejects('EFAULT', pages.poke(0, 1), 'a device write')
    equal(await t.peek(watch.range, 0), 0)
  },

  'two-devices': needing(['device.shared'], async (t) => {
    const range = await t.mmap(1)
    const other = await t.openDevice()
    const one = await (await t.watch(range)).map('write')
    const two = await (await t.watch(range, { device: other })).map('read')
    await one.poke(0, 8)
    equal(await two.peek(0), 8)
  }),

  'two-mirrors-of-one-device': async (t) => {
    const range = await t.mmap(1)
    const [one, two] = [await t.watch(range), await t.watch(range)]
    const [writing, reading] = [await one.map('write'), await two.map('read')]
    await writing.poke(0, 8)
    equal(await reading.peek(0), 8)
    await one.mirror.close()
    equal(await reading.peek(0), 8, 'after the other mirror was closed')
  },

  'shared-file': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(1, { file, shared: true })
    const elsewhere = await t.mmap(1, { file, shared: true })
    await (await (await t.watch(range)).map('write')).poke(0, 8)
    equal(await t.peek(elsewhere, 0), 8)
  }),

  'private-file': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const shared = await t.mmap(1, { file, shared: true })
    await t.poke(shared, 0, 5)
    const range = await t.mmap(1, { file })
    await (await (await t.watch(range)).map('write')).poke(0, 8)
    equal([await t.peek(range, 0), await t.peek(shared, 0)], [8, 5])
  }),

  'child-writes-its-copy': needing(['space.fork'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const child = await t.fork()
    await (await (await t.watch(range, { space: child })).map('write')).poke(0, 8)
    equal([await t.peek(range, 0), await t.peek(range, 0, child)], [1, 8])
  }),

  'child-writes-shared-memory': needing(['space.fork'], async (t) => {
    const range = await t.mmap(1, { shared: true })
    await t.poke(range, 0, 1)
    const child = await t.fork()
    await (await (await t.watch(range, { space: child })).map('write')).poke(0, 8)
    equal([await t.peek(range, 0), await t.peek(range, 0, child)], [8, 8])
  }),

  'more-than-one-map-holds': async (t) => {
    const { pagesPerMap } = t.device.capabilities.require('dma.mirror')
    const range = await t.mmap((pagesPerMap ?? 0) + 1, { protection: 'none' })
    const code = pagesPerMap === undefined ? 'EFAULT' : 'EOVERFLOW'
    const watch = await t.watch(range)
    ok((await rejects(code, watch.map('read'))).hint !== '', 'the error says what to do')
  },
})
