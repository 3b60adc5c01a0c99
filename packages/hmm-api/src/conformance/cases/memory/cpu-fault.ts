import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
A CPU touch of a device page brings it back with its data (migrate_to_ram): the page that was touched,
or the block around it that the driver asked for. Device translations of it are revoked. Another
device's fault brings it back too.`

async function onDevice(t: Scene, pages: number) {
  const range = await t.mmap(pages)
  await t.fill(range, 1)
  const watch = await t.watch(range)
  await watch.migrate({ to: 'device' })
  return { range, watch, mapped: await watch.map('write') }
}

export const group = caseGroup('memory/cpu-fault', ['mirror', 'dma.mirror', 'engine', 'memory'], {
  'read-brings-back': needing(['memory.private'], async (t) => {
    const { range, watch, mapped } = await onDevice(t, 2)
    await mapped.poke(0, 9)
    equal(await t.peek(range, 0), 9)
    equal(await watch.snapshot(), ['write', 'device-write'])
  }),

  'write-brings-back': needing(['memory.private'], async (t) => {
    const { range, watch, mapped } = await onDevice(t, 2)
    await mapped.poke(1, 9, 1)
    await t.poke(range, 1, 8)
    equal(await t.space.read(range.page(1).start, 2), [8, 9])
    equal(await watch.snapshot(), ['device-write', 'write'])
  }),

  'revokes-and-tells': needing(['memory.private'], async (t) => {
    const { range, watch, mapped } = await onDevice(t, 2)
    await watch.forget()
    await t.peek(range, 0)
    await rejects('EFAULT', mapped.poke(0, 9), 'a device write to the old place')
    equal(await mapped.peek(1), 2, 'its neighbour')
    const pages = (await watch.seen()).map((event) => event.split(' ')[1])
    equal(pages, ['0'], 'the pages that events were about')
  }),

  'block-around-it': needing(['memory.private'], async (t) => {
    t.device.memory.setCpuFaultPages(4)
    const { range, watch } = await onDevice(t, 12)
    await t.peek(range, 5)
    const back = (await watch.snapshot()).map((state) => state === 'write')
    const page = range.startPage + 5
    const first = page - (page % 4) - range.startPage
    const expected = back.map((_, index) => index >= first && index < first + 4)
    equal(back, expected, 'which pages came back')
  }),

  'block-that-is-no-power-of-two': needing(['memory.private'], async (t) => {
    let failed = false
    try {
      t.device.memory.setCpuFaultPages(3)
    } catch (error) {
      failed = error instanceof TypeError
    }
    ok(failed, 'a TypeError')
  }),

  'driver-is-told': needing(['memory.private'], async (t) => {
    const { range } = await onDevice(t, 1)
    const told = t.device.sync.completion('cpu fault')
    t.device.memory.onCpuFault(() => told.complete())
    await t.peek(range, 0)
    await told.wait()
  }),

  'munmap-frees-device-pages': async (t) => {
    const free = t.device.memory.freePages
    const { range } = await onDevice(t, 2)
    equal(t.device.memory.freePages, free - 2, 'while they are there')
    await t.space.munmap(range)
    equal(t.device.memory.freePages, free, 'afterwards')
  },

  'exit-frees-device-pages': async (t) => {
    const free = t.device.memory.freePages
    const other = await t.spawn()
    const range = await other.mmap({ pages: 2 })
    await other.write(range.start, Uint8Array.of(1))
    const watch = await t.watch(range, { space: other })
    await watch.migrate({ to: 'device' })
    equal(t.device.memory.freePages, free - 2, 'while the process lives')
    await other.exit()
    await watch.whenReleased()
    await other.close()
    await t.device.memory.evict()
    equal(t.device.memory.freePages, free, 'afterwards')
  },

  'dontneed-frees-device-pages': async (t) => {
    const free = t.device.memory.freePages
    const { range, watch, mapped } = await onDevice(t, 2)
    await t.space.madvise(range, 'dontneed')
    await rejects('EFAULT', mapped.peek(0), 'a device read of the old place')
    equal(t.device.memory.freePages, free, 'the free pages')
    equal(
      [await t.contents(range), await watch.snapshot()],
      [
        [0, 0],
        ['read', 'read'],
      ],
    )
  },

  'free-leaves-device-pages': async (t) => {
    const { range, watch } = await onDevice(t, 1)
    await t.space.madvise(range, 'free')
    equal(await watch.snapshot(), ['device-write'])
    equal(await t.peek(range, 0), 1)
  },

  'mapping-over-device-pages': async (t) => {
    const free = t.device.memory.freePages
    const { range, mapped } = await onDevice(t, 2)
    await t.space.mmap({ pages: 2, at: range.start })
    await rejects('EFAULT', mapped.peek(0), 'a device read of the old place')
    equal([await t.contents(range), t.device.memory.freePages], [[0, 0], free])
  },

  'fault-of-the-own-device-leaves-it': async (t) => {
    const { watch } = await onDevice(t, 1)
    equal(await watch.fault('write'), ['device-write'])
  },

  'fault-of-another-device-brings-it-back': needing(
    ['device.shared', 'memory.private'],
    async (t) => {
      const { range } = await onDevice(t, 1)
      const other = await t.watch(range, { device: await t.openDevice() })
      equal(await other.snapshot(), ['none'], 'what the other device sees')
      equal(await other.fault('read'), ['write'], 'after a fault')
      equal(await (await other.map('read')).peek(0), 1)
    },
  ),

  'two-touches-at-once': async (t) => {
    const { range } = await onDevice(t, 1)
    equal(await Promise.all([t.peek(range, 0), t.peek(range, 0)]), [1, 1])
  },

  'touch-while-another-device-faults': needing(['device.shared'], async (t) => {
    const { range } = await onDevice(t, 1)
    const other = await t.watch(range, { device: await t.openDevice() })
    const [byte, found] = await Promise.all([t.peek(range, 0), other.fault('read')])
    equal(byte, 1, 'what the CPU reads')
    equal(found, ['write'], 'what the other device finds')
  }),

  'mprotect-of-device-pages': async (t) => {
    const { range, watch, mapped } = await onDevice(t, 1)
    await t.space.mprotect(range, 'r')
    await rejects('EFAULT', mapped.poke(0, 9), 'a device write')
    equal(await watch.snapshot(), ['device-read'])
    equal(await t.peek(range, 0), 1)
  },

  'mremap-of-device-pages': needing(['space.mremap'], async (t) => {
    const { range, mapped } = await onDevice(t, 2)
    const place = await t.mmap(2)
    await t.space.mremap(range, { to: place.start })
    await rejects('EFAULT', mapped.poke(0, 9), 'a device write to the old place')
    equal(await (await t.watch(place)).snapshot(), ['device-write', 'device-write'])
    equal(await t.contents(place), [1, 2])
  }),

  fork: needing(['space.fork'], async (t) => {
    const { range, watch, mapped } = await onDevice(t, 2)
    const child = await t.fork()
    await rejects('EFAULT', mapped.poke(0, 9), 'a device write with the old translation')
    equal(await watch.snapshot(), ['device-read', 'device-read'], 'the parent')
    equal(await t.contents(range, child), [1, 2], 'what the child reads')
    equal(await t.contents(range), [1, 2], 'what the parent reads')
  }),

  'write-after-fork': needing(['space.fork'], async (t) => {
    const { range } = await onDevice(t, 1)
    const child = await t.fork()
    await t.poke(range, 0, 5)
    equal([await t.peek(range, 0), await t.peek(range, 0, child)], [5, 1])
    equal(await (await t.watch(range)).snapshot(), ['write'], 'the parent')
  }),

  // Whether it succeeds or is refused: the child must not see it.
  'device-write-after-fork': needing(['space.fork'], async (t) => {
    const { range, watch } = await onDevice(t, 1)
    const child = await t.fork()
    const pages = await watch.map('write').catch((error: { code?: string }) => error.code)
    if (typeof pages === 'object') await pages.poke(0, 5)
    else ok(pages === 'EPERM' || pages === 'EFAULT', `refused with EPERM or EFAULT, not ${pages}`)
    equal(await t.peek(range, 0), typeof pages === 'object' ? 5 : 1, 'the parent')
    equal(await t.peek(range, 0, child), 1, 'the child')
  }),
})
