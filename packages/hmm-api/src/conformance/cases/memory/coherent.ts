import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
Device-coherent memory: the process maps a page there as any other. The CPU reads and writes it where it
is, without a fault and without an event; fork, copy-on-write and protection are those of system memory;
other devices reach it too. It comes back when its device says so, or somebody pins it for long; reclaim
and advice leave it alone.`

async function onDevice(t: Scene, pages: number) {
  const range = await t.mmap(pages)
  await t.fill(range, 1)
  const watch = await t.watch(range)
  await watch.migrate({ to: 'device' })
  const mapped = await watch.map('write')
  await watch.forget()
  return { range, watch, mapped }
}

const NEEDS = ['mirror', 'dma.mirror', 'engine', 'memory', 'memory.coherent'] as const

export const group = caseGroup('memory/coherent', NEEDS, {
  kind: async (t) => {
    equal(t.device.memory.kind, 'coherent')
  },

  'read-and-written-where-it-is': async (t) => {
    const { range, watch, mapped } = await onDevice(t, 2)
    equal(await t.contents(range), [1, 2], 'what the CPU reads')
    await t.poke(range, 0, 8)
    equal(await mapped.peek(0), 8, 'what the device reads')
    await mapped.poke(1, 9)
    equal(await t.peek(range, 1), 9, 'what the CPU reads then')
    equal(await watch.seen(), [], 'events')
    equal(await watch.snapshot(), ['device-write', 'device-write'])
  },

  'no-faults-to-speak-of': async (t) => {
    await rejects('EOPNOTSUPP', async () => t.device.memory.setCpuFaultPages(2), 'neighbours')
    await rejects('EOPNOTSUPP', async () => t.device.memory.onCpuFault(() => {}), 'a listener')
  },

  'hole-of-read-only-memory': async (t) => {
    const range = await t.mmap(1, { protection: 'r' })
    const watch = await t.watch(range)
    const result = await watch.migrate({ to: 'device' })
    equal(result.outcome(0), 'populated')
    equal([await watch.snapshot(), await t.peek(range, 0)], [['device-read'], 0])
  },

  'to-the-system-and-told': async (t) => {
    const { range, watch, mapped } = await onDevice(t, 2)
    await watch.migrate({ to: 'system' }, range.page(1))
    equal(await watch.seen(), ['self-migrate 1'])
    await rejects('EFAULT', mapped.poke(1, 9), 'a device write to the old place')
    equal(await watch.snapshot(), ['device-write', 'write'])
    equal(await t.contents(range), [1, 2])
  },

  'another-device-reaches-it': needing(['device.shared'], async (t) => {
    const { range, watch } = await onDevice(t, 1)
    const other = await t.watch(range, { device: await t.openDevice() })
    equal(await other.snapshot(), ['write'], 'what the other device sees')
    await (await other.map('write')).poke(0, 9)
    equal(await t.peek(range, 0), 9)
    equal([await watch.seen(), await watch.snapshot()], [[], ['device-write']])
  }),

  'another-device-does-not-move-it': needing(['device.shared'], async (t) => {
    const { range } = await onDevice(t, 1)
    const device = await t.openDevice()
    const other = await t.watch(range, { device })
    for (const to of ['device', 'system'] as const) {
      const result = await other.migrate({ to })
      equal(result.outcome(0), 'foreign-device', `to the ${to}`)
    }
    equal(await other.snapshot(), ['write'])
  }),

  // migrate_longterm_unpinnable_folios
  'pin-brings-it-back': needing(['space.pin'], async (t) => {
    const free = t.device.memory.freePages
    const { range, watch } = await onDevice(t, 2)
    const pinned = t.own(await t.space.pin(range.page(0)))
    equal(await watch.seen(), ['clear 0'])
    equal(await watch.snapshot(), ['write', 'device-write'])
    equal([await t.contents(range), t.device.memory.freePages], [[1, 2], free - 1])
    const { mirror } = watch
    const result = await t.device.memory.migrate(mirror, range.page(0), { to: 'device' })
    equal(result.outcome(0), 'busy', 'while it is pinned')
    await pinned.close()
  }),

  'fork-shares-it': needing(['space.fork'], async (t) => {
    const { range, watch, mapped } = await onDevice(t, 1)
    const child = await t.fork()
    equal(await watch.snapshot(), ['device-read'], 'the parent')
    const theirs = await t.watch(range, { space: child })
    equal(await theirs.snapshot(), ['device-read'], 'the child')
    await rejects('EFAULT', mapped.poke(0, 9), 'a device write with the old translation')
    await t.poke(range, 0, 5)
    equal(await watch.snapshot(), ['write'], 'the copy')
    equal([await t.peek(range, 0), await t.peek(range, 0, child)], [5, 1])
    equal(await theirs.snapshot(), ['device-read'], 'what the child keeps')
  }),

  // wp_can_reuse_anon_folio
  'last-one-writes-in-place': needing(['space.fork'], async (t) => {
    const { range, watch } = await onDevice(t, 1)
    const child = await t.fork()
    await child.kill()
    await child.released
    await t.poke(range, 0, 5)
    equal([await watch.snapshot(), await t.peek(range, 0)], [['device-write'], 5])
  }),

  // hmm_range_fault faults it as any page: not as its device's own page that it leaves as it is.
  'device-write-after-fork': needing(['space.fork'], async (t) => {
    const { range, watch } = await onDevice(t, 1)
    const child = await t.fork()
    equal(await watch.fault('write'), ['write'])
    await (await watch.map('write')).poke(0, 9)
    equal([await t.peek(range, 0), await t.peek(range, 0, child)], [9, 1])
  }),

  // change_pte_range: it is only this process's, so the right comes back at once.
  'mprotect-gives-the-right-back': async (t) => {
    const { range, watch } = await onDevice(t, 1)
    await t.space.mprotect(range, 'r')
    equal(await watch.snapshot(), ['device-read'])
    await t.space.mprotect(range, 'rw')
    equal(await watch.snapshot(), ['device-write'])
    equal(await watch.seen(), ['protection-vma 0'])
  },

  'advice-leaves-it': async (t) => {
    const { range, watch } = await onDevice(t, 1)
    for (const advice of ['free', 'cold'] as const) {
      await t.space.madvise(range, advice)
      equal(await watch.snapshot(), ['device-write'], `after ${advice}`)
    }
    equal(await t.peek(range, 0), 1)
  },

  'not-swapped': needing(['space.pageout'], async (t) => {
    const { range, watch } = await onDevice(t, 1)
    await t.space.madvise(range, 'pageout')
    equal([await watch.seen(), await watch.snapshot()], [[], ['device-write']])
  }),

  'huge-page-goes-page-by-page': needing(['space.hugepage'], async (t) => {
    const pages = (2 * 2 ** 20) / t.pageSize
    const area = await t.mmap(2 * pages)
    const skip = (pages - (area.startPage % pages)) % pages
    const range = area.slice(skip, pages)
    await t.fill(range.slice(0, 2), 1)
    await t.space.madvise(range, 'collapse')
    const watch = await t.watch(range)
    const result = await watch.migrate({ to: 'device' })
    equal(result.count('migrated') + result.count('populated'), pages)
    const states = new Set(await watch.snapshot())
    equal([...states], ['device-write'])
    equal(await watch.commit((found) => found.order(0)), 0, 'the order')
    equal(await t.contents(range.slice(0, 2)), [1, 2])
  }),

  // What is in a device's memory is none that a huge page is made of.
  'not-collapsed': needing(['space.hugepage'], async (t) => {
    const pages = (2 * 2 ** 20) / t.pageSize
    const area = await t.mmap(2 * pages)
    const skip = (pages - (area.startPage % pages)) % pages
    const range = area.slice(skip, pages)
    await t.space.madvise(range, 'nohugepage')
    await t.fill(range.slice(0, 2), 1)
    await t.space.madvise(range, 'hugepage')
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' }, range.page(1))
    await rejects('EINVAL', t.space.madvise(range, 'collapse'))
    equal(await t.contents(range.slice(0, 2)), [1, 2])
  }),

  // make_device_exclusive asks for an anonymous page, and this is one.
  'exclusive-where-it-is': needing(['exclusive', 'engine.atomics'], async (t) => {
    const { range, watch } = await onDevice(t, 1)
    const pages = await watch.exclusive()
    equal([pages.isDevice[0], await pages.fetchAdd(0, 1)], [true, 1], 'what the device found')
    equal(await watch.snapshot(), ['none'], 'what is left for the CPU')
    equal(await t.peek(range, 0), 2)
    equal(await watch.snapshot(), ['device-write'], 'after the touch of the CPU')
  }),

  'moved-with-its-mapping': needing(['space.mremap'], async (t) => {
    const { range, watch, mapped } = await onDevice(t, 2)
    const place = await t.mmap(2)
    await t.space.mremap(range, { to: place.start })
    equal(await watch.seen(), ['unmap 0-1'])
    await rejects('EFAULT', mapped.poke(0, 9), 'a device write to the old place')
    equal(await (await t.watch(place)).snapshot(), ['device-write', 'device-write'])
    equal(await t.contents(place), [1, 2])
  }),

  'given-back-with-the-last-mapping': needing(['space.fork'], async (t) => {
    const free = t.device.memory.freePages
    const { range } = await onDevice(t, 2)
    const child = await t.fork()
    await t.space.munmap(range)
    equal(t.device.memory.freePages, free - 2, 'while the child has it')
    await child.munmap(range)
    ok(t.device.memory.freePages === free, 'all pages are free again')
  }),
})
