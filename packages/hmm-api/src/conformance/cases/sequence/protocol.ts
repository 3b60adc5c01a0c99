import { equal, ok } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
readBegin and readRetry: a retry is asked for exactly if an invalidation of the watched range came in
between, whatever kind it was and whoever caused it, and never for one outside, also not next to it.`

export const group = caseGroup('sequence/protocol', ['mirror'], {
  quiet: async (t) => {
    const { mirror } = await t.watch(await t.mmap(1))
    equal(mirror.readRetry(await mirror.readBegin()), false)
  },

  munmap: async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(2))
    const sequence = await mirror.readBegin()
    await t.space.munmap(range)
    equal(mirror.readRetry(sequence), true)
  },

  mprotect: async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(2))
    await t.fill(range, 1)
    const sequence = await mirror.readBegin()
    await t.space.mprotect(range.page(1), 'r')
    equal(mirror.readRetry(sequence), true)
  },

  'widening-mprotect': async (t) => {
    const range = await t.mmap(1, { protection: 'r' })
    await t.peek(range, 0)
    const { mirror } = await t.watch(range)
    const sequence = await mirror.readBegin()
    await t.space.mprotect(range, 'rw')
    equal(mirror.readRetry(sequence), true)
  },

  dontneed: async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const { mirror } = await t.watch(range)
    const sequence = await mirror.readBegin()
    await t.space.madvise(range, 'dontneed')
    equal(mirror.readRetry(sequence), true)
  },

  'first-touch': async (t) => {
    const range = await t.mmap(1)
    const { mirror } = await t.watch(range)
    const sequence = await mirror.readBegin()
    await t.poke(range, 0, 1)
    equal(mirror.readRetry(sequence), false)
  },

  'page-before': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const { mirror } = await t.watch(range.page(1))
    const sequence = await mirror.readBegin()
    await t.space.munmap(range.page(0))
    equal(mirror.readRetry(sequence), false)
  },

  'page-behind': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const { mirror } = await t.watch(range.page(1))
    const sequence = await mirror.readBegin()
    await t.space.munmap(range.page(2))
    equal(mirror.readRetry(sequence), false)
  },

  'range-that-covers-it': async (t) => {
    const range = await t.mmap(3)
    const { mirror } = await t.watch(range.page(1))
    const sequence = await mirror.readBegin()
    await t.space.munmap(range)
    equal(mirror.readRetry(sequence), true)
  },

  'begun-again': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(2))
    await t.space.munmap(range.page(0))
    equal(mirror.readRetry(await mirror.readBegin()), false)
  },

  'stays-decided': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(2))
    const sequence = await mirror.readBegin()
    await t.space.munmap(range.page(0))
    ok(mirror.readRetry(sequence) && mirror.readRetry(sequence), 'true both times')
  },

  'other-notifiers-of-the-range': async (t) => {
    const range = await t.mmap(2)
    const [one, two] = [(await t.watch(range)).mirror, (await t.watch(range)).mirror]
    const sequences = [await one.readBegin(), await two.readBegin()] as const
    await t.space.munmap(range.page(1))
    ok(one.readRetry(sequences[0]), 'the first is told')
    ok(two.readRetry(sequences[1]), 'the second is told')
  },

  // Drivers of the kernel may leave their own events out (owner); here all take the pages away.
  'own-migration': needing(['memory'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const [one, two] = [await t.watch(range), await t.watch(range)]
    const sequences = [await one.mirror.readBegin(), await two.mirror.readBegin()] as const
    await one.migrate({ to: 'device' })
    ok(one.mirror.readRetry(sequences[0]), 'the mirror that migrates is told')
    ok(two.mirror.readRetry(sequences[1]), 'another one of the device is told')
  }),

  'own-exclusive': needing(['dma.mirror', 'exclusive'], async (t) => {
    const range = await t.mmap(1)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const sequence = await watch.mirror.readBegin()
    await watch.exclusive()
    equal(watch.mirror.readRetry(sequence), true)
  }),
})
