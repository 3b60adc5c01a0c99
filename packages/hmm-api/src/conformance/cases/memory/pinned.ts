import { equal, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { VirtualRange } from '../../../address/virtual-range.js'

export const description = `
Pages that somebody pins (pin_user_pages with FOLL_LONGTERM) are faulted in for writing, and stay where
they are: they are not swapped, moved to a device, or write-protected by a fork. What they are mapped by
may go all the same.`

async function pin(t: Scene, range: VirtualRange) {
  return t.own(await t.space.pin(range))
}

export const group = caseGroup('memory/pinned', ['mirror', 'space.pin'], {
  'faulted-in-for-writing': async (t) => {
    const watch = await t.watch(await t.mmap(2))
    await pin(t, watch.range)
    equal(await watch.snapshot(), ['write', 'write'])
    equal(await watch.seen(), [])
  },

  'replaces-the-zero-page': async (t) => {
    const watch = await t.watch(await t.mmap(1))
    await t.peek(watch.range, 0)
    await pin(t, watch.range)
    equal(await watch.seen(), ['clear 0'])
    equal(await watch.snapshot(), ['write'])
  },

  'what-cannot-be-pinned': async (t) => {
    const range = await t.mmap(3)
    await t.space.mprotect(range.page(0), 'r')
    await t.space.munmap(range.page(2))
    await rejects('EFAULT', t.space.pin(range.page(0)), 'read-only memory')
    await rejects('EFAULT', t.space.pin(range.slice(1, 2)), 'up to a hole')
  },

  'fork-copies-at-once': needing(['space.fork'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await pin(t, range)
    const watch = await t.watch(range)
    const child = await t.fork()
    equal(await watch.snapshot(), ['write'], 'what the parent has')
    await t.poke(range, 0, 2)
    equal(await t.peek(range, 0, child), 1)
  }),

  'not-swapped': needing(['space.pageout'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const pinned = await pin(t, range)
    const watch = await t.watch(range)
    await t.space.madvise(range, 'pageout')
    equal(await watch.seen(), [])
    equal(await watch.snapshot(), ['write'])
    await pinned.close()
    await t.space.madvise(range, 'pageout')
    equal(await watch.snapshot(), ['none'], 'when it is pinned no more')
  }),

  'not-moved-to-a-device': needing(['memory'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const pinned = await pin(t, range)
    const watch = await t.watch(range)
    const result = await t.device.memory.migrate(watch.mirror, range, { to: 'device' })
    equal([result.outcome(0), await watch.snapshot()], ['busy', ['write']])
    await pinned.close()
    await watch.migrate({ to: 'device' })
    equal(await watch.snapshot(), ['device-write'], 'when it is pinned no more')
  }),

  'comes-back-from-a-device': needing(['memory'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    await watch.migrate({ to: 'device' })
    await pin(t, range)
    equal(await watch.snapshot(), ['write', 'write'])
    equal(await t.contents(range), [1, 2])
  }),

  'not-watched': needing(['space.soft-dirty'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    await pin(t, range)
    await t.space.clearSoftDirty()
    equal(await (await t.watch(range)).snapshot(), ['write'])
  }),

  'unmapped-all-the-same': async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const pinned = await pin(t, range)
    const watch = await t.watch(range)
    await t.space.munmap(range)
    equal(await watch.seen(), ['unmap 0'])
    equal(await watch.snapshot(), ['error'])
    await pinned.close()
  },

  'ends-with-the-process': async (t) => {
    const other = await t.spawn()
    const range = await other.mmap({ pages: 1 })
    t.own(await other.pin(range))
    await other.kill()
  },

  'huge-page-of-the-pool': needing(['space.hugetlb'], async (t) => {
    const range = await t.mmap((2 * 2 ** 20) / t.pageSize, { hugetlb: '2M' })
    const pinned = await pin(t, range.slice(3, 2))
    equal(await (await t.watch(range.page(0))).snapshot(), ['write'])
    await t.space.munmap(range)
    await pinned.close()
  }),
})
