import { equal } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
The scan of NUMA balancing raises "protection-vma" over memory that can move to another node. Its pages lose
their rights for a moment: a snapshot finds nothing, and whoever touches one gets it back, without an event.`

export const group = caseGroup('events/numa-scan', ['mirror', 'space.numa-scan'], {
  scan: async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    equal(await watch.snapshot(), ['write', 'write', 'write'])
    await t.space.numaScan()
    equal(await watch.seen(), ['protection-vma 0-2'])
    equal(await watch.snapshot(), ['none', 'none', 'none'])
    await watch.forget()
    equal(await watch.fault('read', range.page(0)), ['write'])
    equal(await watch.fault('write', range.page(1)), ['write'])
    await t.poke(range, 2, 9)
    equal(await watch.snapshot(), ['write', 'write', 'write'])
    equal(await watch.seen(), [], 'what the touches raise')
    equal(await t.contents(range), [1, 2, 9])
  },

  'zero-page': async (t) => {
    const range = await t.mmap(2)
    await t.peek(range, 0)
    await t.poke(range, 1, 1)
    const watch = await t.watch(range)
    await t.space.numaScan()
    equal(await watch.snapshot(), ['read', 'none'])
    equal(await watch.seen(), ['protection-vma 0-1'], 'pages that keep their rights count too')
  },

  'shared-memory': needing(['space.numa-scan.shared'], async (t) => {
    const range = await t.mmap(2, { shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await t.space.numaScan()
    equal(await watch.seen(), ['protection-vma 0-1'])
    equal(await watch.snapshot(), ['none', 'none'])
    equal(await t.contents(range), [1, 2])
    equal(await watch.snapshot(), ['write', 'write'])
  }),

  'copy-on-write-stays': needing(['space.fork'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.fork()
    await t.poke(range, 1, 9)
    const watch = await t.watch(range)
    await t.space.numaScan()
    equal(await watch.snapshot(), ['read', 'none'], 'two processes have the first page')
    equal(await watch.seen(), ['protection-vma 0-1'])
  }),

  'read-only-memory': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await t.space.mprotect(range, 'r')
    const watch = await t.watch(range)
    await t.space.numaScan()
    equal(await watch.snapshot(), ['none'])
    equal(await watch.fault('read'), ['read'])
  },

  'without-the-right-to-read': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await t.space.mprotect(range, 'none')
    const watch = await t.watch(range)
    await t.space.numaScan()
    equal(await watch.seen(), [], 'memory that nobody can touch is left alone')
  },

  'read-only-mapping-of-a-file': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(1, { file, shared: true, protection: 'r' })
    await t.peek(range, 0)
    const watch = await t.watch(range)
    await t.space.numaScan()
    equal(await watch.seen(), [])
    equal(await watch.snapshot(), ['read'])
  }),

  'persistent-memory': needing(['space.dax'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1, dax: true }))
    const range = await t.mmap(1, { file, shared: true })
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    await t.space.numaScan()
    equal(await watch.seen(), [])
    equal(await watch.snapshot(), ['write'])
  }),

  untouched: async (t) => {
    const watch = await t.watch(await t.mmap(1))
    await t.space.numaScan()
    equal(await watch.snapshot(), ['none'])
    equal(await watch.fault('write'), ['write'])
  },

  'mprotect-gives-it-back': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    await t.space.numaScan()
    await t.space.mprotect(range, 'r')
    equal(await watch.snapshot(), ['read'])
  },

  'a-device-keeps-none-of-it': needing(['dma.mirror', 'engine'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 5)
    const watch = await t.watch(range)
    const device = await watch.map('write')
    await t.space.numaScan()
    await t.refused(device.poke(0, 9))
    equal(await t.peek(range, 0), 5)
    const again = await watch.map('write')
    await again.poke(0, 9)
    equal(await t.peek(range, 0), 9)
  }),
})
