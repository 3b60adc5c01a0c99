import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Migration to device memory and back, in one call with a plan: data stays, holes and zero pages become
zeroed device pages, declined pages stay, pages that cannot move say why; mappings of what moves are
revoked by an event of one's own.`

export const group = caseGroup('memory/migrate', ['mirror', 'dma.mirror', 'engine', 'memory'], {
  'to-device': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const result = await watch.migrate({ to: 'device' })
    equal(result.migrated, 3, 'the number of pages that moved')
    equal(await watch.snapshot(), ['device-write', 'device-write', 'device-write'])
    const pages = await watch.map('read')
    equal(pages.isDevice, [true, true, true], 'where the mapped pages are')
    equal([await pages.peek(0), await pages.peek(1), await pages.peek(2)], [1, 2, 3])
  },

  'to-device-and-back': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' })
    await (await watch.map('write')).poke(1, 9)
    const result = await watch.migrate({ to: 'system' })
    equal(result.count('migrated'), 2, 'the number of pages that moved')
    equal(await watch.snapshot(), ['write', 'write'])
    equal(await t.contents(range), [1, 9])
  },

  'takes-and-gives-device-pages': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const free = t.device.memory.freePages
    await watch.migrate({ to: 'device' })
    equal(t.device.memory.freePages, free - 2, 'the free pages while they are there')
    await watch.migrate({ to: 'system' })
    equal(t.device.memory.freePages, free, 'the free pages afterwards')
  },

  'guards-stay': needing(['space.guard'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    await t.space.madvise(range.page(0), 'guard-install')
    const watch = await t.watch(range)
    const result = await watch.migrate({ to: 'device' })
    equal([result.outcome(0), result.outcome(1)], ['not-present', 'migrated'])
    await rejects('EFAULT', t.peek(range, 0))
  }),

  'part-of-the-mirror': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' }, range.page(1))
    equal(await watch.snapshot(), ['write', 'device-write', 'write'])
  },

  'revokes-and-tells': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const old = await watch.map('write')
    await watch.migrate({ to: 'device' })
    await rejects('EFAULT', old.poke(0, 9), 'a device write to the old place')
    equal(await watch.seen(), ['self-migrate 0-1'])
    equal(await (await watch.map('read')).peek(0), 1, 'mapped at the new place')
  },

  'other-mirrors-are-told': needing(['device.shared'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const other = await t.watch(range, { device: await t.openDevice() })
    const old = await other.map('read')
    await (await t.watch(range)).migrate({ to: 'device' })
    await rejects('EFAULT', old.peek(0), 'a read of the other device')
    equal(await other.seen(), ['migrate 0'])
  }),

  holes: async (t) => {
    const range = await t.mmap(2)
    const watch = await t.watch(range)
    const result = await watch.migrate({ to: 'device' })
    equal([result.outcome(0), result.outcome(1)], ['populated', 'populated'])
    equal(await (await watch.map('read')).peek(1), 0, 'what the device reads')
    equal(await t.contents(range), [0, 0], 'what the CPU reads')
  },

  // Device memory is used again: what was there before must not show.
  'holes-are-cleared': async (t) => {
    const old = await t.mmap(2)
    await t.fill(old, 0xee)
    await (await t.watch(old)).migrate({ to: 'device' })
    await t.space.munmap(old)
    const watch = await t.watch(await t.mmap(2))
    await watch.migrate({ to: 'device' })
    const pages = await watch.map('read')
    equal([await pages.peek(0), await pages.peek(1)], [0, 0])
  },

  'zero-page': async (t) => {
    const range = await t.mmap(1)
    await t.peek(range, 0)
    const watch = await t.watch(range)
    const result = await watch.migrate({ to: 'device' })
    equal(result.migrated, 1)
    await (await watch.map('write')).poke(0, 5)
    equal(await t.peek(range, 0), 5)
  },

  declined: async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const plan = { to: 'device', decline: [1] } as const
    const result = await watch.migrate(plan)
    equal([result.outcome(0), result.outcome(1)], ['migrated', 'declined'])
    equal(await watch.snapshot(), ['device-write', 'write', 'device-write'])
    equal(await t.contents(range), [1, 2, 3])
  },

  'already-there': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' }, range.page(0))
    const result = await watch.migrate({ to: 'device' })
    equal([result.outcome(0), result.outcome(1)], ['already-there', 'migrated'])
  },

  'system-pages-to-system': async (t) => {
    const range = await t.mmap(2)
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const result = await watch.migrate({ to: 'system' })
    equal(result.migrated, 0)
    equal(await watch.snapshot(), ['write', 'none'])
  },

  'read-only-stays-read-only': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 3)
    await t.space.mprotect(range, 'r')
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' })
    equal(await watch.snapshot(), ['device-read'])
    await t.refused((await watch.map('read')).poke(0, 9))
    equal(await t.peek(range, 0), 3)
  },

  'shared-memory-stays': async (t) => {
    const range = await t.mmap(2, { shared: true })
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const result = await watch.migrate({ to: 'device' })
    equal([result.migrated, result.outcome(0)], [0, 'not-anonymous'])
    equal(await t.contents(range), [1, 2])
  },

  'file-pages-stay': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(1, { file, shared: true })
    await t.poke(range, 0, 1)
    const watch = await t.watch(range)
    const result = await watch.migrate({ to: 'device' })
    equal([result.migrated, await t.peek(range, 0)], [0, 1])
  }),

  'private-copies-of-a-file-move': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 1 }))
    const range = await t.mmap(1, { file })
    await t.poke(range, 0, 4)
    const watch = await t.watch(range)
    const result = await watch.migrate({ to: 'device' })
    equal([result.migrated, await (await watch.map('read')).peek(0)], [1, 4])
  }),

  'unmapped-range': async (t) => {
    const range = await t.mmap(3)
    await t.fill(range, 1)
    await t.space.munmap(range.page(1))
    const { mirror } = await t.watch(range)
    await rejects('EINVAL', t.device.memory.migrate(mirror, range, { to: 'device' }))
    equal([await t.peek(range, 0), await t.peek(range, 2)], [1, 3], 'the data')
  },

  'ten-round-trips': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    for (let trip = 0; trip < 10; trip++) {
      await watch.migrate({ to: 'device' })
      const pages = await watch.map('write')
      await pages.poke(0, (await pages.peek(0)) + 1)
      await watch.migrate({ to: 'system' })
    }
    equal(await t.contents(range), [11, 2])
  },

  'to-the-other-device': needing(['device.shared'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 6)
    const other = await t.openDevice()
    const [one, two] = [await t.watch(range), await t.watch(range, { device: other })]
    await one.migrate({ to: 'device' })
    const result = await two.migrate({ to: 'device' })
    equal(result.outcome(0), 'foreign-device')
    equal(await one.snapshot(), ['device-write'], 'where it is')
  }),

  counted: async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const before = t.backend.counters()
    await watch.migrate({ to: 'device' })
    await watch.migrate({ to: 'system' })
    const after = t.backend.counters()
    equal(after.pagesMigratedToDevice - before.pagesMigratedToDevice, 2, 'to the device')
    equal(after.pagesMigratedToSystem - before.pagesMigratedToSystem, 2, 'to the system')
  },

  'size-of-the-memory': async (t) => {
    ok(t.device.memory.pages > 0, 'there is device memory')
    equal(t.device.memory.freePages, t.device.memory.pages, 'the free pages of a fresh device')
  },

  'bad-plan': async (t) => {
    const range = await t.mmap(2)
    const watch = await t.watch(range)
    const migrate = (options: object) => () => watch.migrate(options as { to: 'device' })
    await rejects(TypeError, migrate({ to: 'elsewhere' }), 'to nowhere')
    await rejects(TypeError, migrate({ to: 'device', decline: [2] }), 'declining page 2 of 2')
    equal((await migrate({ to: 'device', decline: [1] })()).migrated, 1)
  },
})
