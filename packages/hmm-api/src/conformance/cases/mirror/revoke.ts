import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { VirtualRange } from '../../../address/virtual-range.js'

export const description = `
When the process changes pages, their DMA mappings are revoked before the operation is over, without help
of the driver: a device that uses an old translation gets EFAULT, and no byte is touched of what is
there now. Pages beside it keep working, and mapping again gives what is there now.`

/** Maps two pages holding 1 and 2 for writing, and changes them with `change`. */
async function afterChange(
  t: Scene,
  change: (range: VirtualRange) => Promise<unknown>,
  options: Parameters<Scene['mmap']>[1] = {},
) {
  const range = await t.mmap(2, options)
  await t.fill(range, 1)
  const watch = await t.watch(range)
  const pages = await watch.map('write')
  await change(range)
  return { range, watch, pages }
}

export const group = caseGroup('mirror/revoke', ['mirror', 'dma.mirror', 'engine'], {
  munmap: async (t) => {
    const { pages } = await afterChange(t, (range) => t.space.munmap(range))
    await rejects('EFAULT', pages.peek(0), 'a device read')
    await rejects('EFAULT', pages.poke(1, 9), 'a device write')
  },

  'munmap-of-a-part': async (t) => {
    const { pages } = await afterChange(t, (range) => t.space.munmap(range.page(0)))
    await rejects('EFAULT', pages.peek(0), 'the page that is gone')
    equal(await pages.peek(1), 2, 'the page that stays')
  },

  'munmap-and-mmap': async (t) => {
    const { range, watch, pages } = await afterChange(t, async (old) => {
      await t.space.munmap(old)
      await t.space.mmap({ pages: 2, at: old.start })
      await t.fill(old, 11)
    })
    await rejects('EFAULT', pages.peek(0), 'a device read')
    await rejects('EFAULT', pages.poke(0, 9), 'a device write')
    equal(await t.contents(range), [11, 12], 'the new memory')
    equal(await (await watch.map('read')).peek(0), 11, 'mapped again')
  },

  'mmap-on-top': async (t) => {
    const { range, pages } = await afterChange(t, (old) =>
      t.space.mmap({ pages: 2, at: old.start }),
    )
    await rejects('EFAULT', pages.poke(0, 9), 'a device write')
    equal(await t.contents(range), [0, 0], 'the new memory')
  },

  'mprotect-to-read': async (t) => {
    const { range, watch, pages } = await afterChange(t, (old) => t.space.mprotect(old, 'r'))
    await rejects('EFAULT', pages.poke(0, 9), 'a device write')
    equal(await t.contents(range), [1, 2])
    equal(await (await watch.map('read')).peek(1), 2, 'mapped again for reading')
    await rejects('EPERM', watch.map('write'), 'mapping again for writing')
  },

  'mprotect-to-none': async (t) => {
    const { pages } = await afterChange(t, (range) => t.space.mprotect(range, 'none'))
    await rejects('EFAULT', pages.peek(0), 'a device read')
  },

  dontneed: async (t) => {
    const { range, watch, pages } = await afterChange(t, (old) => t.space.madvise(old, 'dontneed'))
    await rejects('EFAULT', pages.poke(0, 9), 'a device write')
    await rejects('EFAULT', pages.peek(1), 'a device read')
    equal(await t.contents(range), [0, 0])
    equal(await (await watch.map('read')).peek(0), 0, 'mapped again')
  },

  // Writing through the old translation would change what the child sees.
  fork: needing(['space.fork'], async (t) => {
    let child = t.space
    const { range, watch, pages } = await afterChange(t, async () => {
      child = await t.fork()
    })
    await rejects('EFAULT', pages.poke(0, 9), 'a device write')
    await (await watch.map('write')).poke(0, 5)
    equal(await t.contents(range), [5, 2], 'the parent')
    equal(await t.contents(range, child), [1, 2], 'the child')
  }),

  'copy-on-write': needing(['space.fork'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 1)
    const child = await t.fork()
    const watch = await t.watch(range)
    const pages = await watch.map('read')
    await t.poke(range, 0, 2)
    await rejects('EFAULT', pages.peek(0), 'a read of the old copy')
    equal(await (await watch.map('read')).peek(0), 2, 'mapped again')
    equal(await t.peek(range, 0, child), 1, 'the child')
  }),

  'zero-page-replaced': async (t) => {
    const watch = await t.watch(await t.mmap(1))
    const pages = await watch.map('read')
    await t.poke(watch.range, 0, 3)
    await rejects('EFAULT', pages.peek(0), 'a read of the zero page')
    equal(await (await watch.map('read')).peek(0), 3, 'mapped again')
  },

  'mremap-move': needing(['space.mremap'], async (t) => {
    const place = await t.mmap(2)
    const { pages } = await afterChange(t, (range) => t.space.mremap(range, { to: place.start }))
    await rejects('EFAULT', pages.poke(0, 9), 'a device write')
    equal(await t.contents(place), [1, 2], 'the new place')
    equal(await (await (await t.watch(place)).map('read')).peek(1), 2, 'mapped at the new place')
  }),

  truncate: needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const { pages } = await afterChange(t, () => file.truncate(1), { file, shared: true })
    await rejects('EFAULT', pages.peek(1), 'the page behind the end')
    equal(await pages.peek(0), 1, 'the page before it')
  }),

  'punch-hole': needing(['space.file'], async (t) => {
    const file = t.own(await t.space.createFile({ pages: 2 }))
    const { range, pages } = await afterChange(t, () => file.punchHole(0, 1), {
      file,
      shared: true,
    })
    await rejects('EFAULT', pages.poke(0, 9), 'a device write')
    equal(await t.contents(range), [0, 2])
  }),

  exit: async (t) => {
    const { watch, pages } = await afterChange(t, () => t.space.exit())
    await watch.whenReleased()
    await rejects('EFAULT', pages.peek(0), 'a device read')
    await rejects('EFAULT', pages.poke(0, 9), 'a device write')
  },

  exec: needing(['space.exec'], async (t) => {
    const { watch, pages } = await afterChange(t, () => t.space.exec())
    await watch.whenReleased()
    await rejects('EFAULT', pages.poke(0, 9), 'a device write')
  }),

  'page-beside-it': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const pages = await (await t.watch(range.page(0))).map('write')
    await t.space.munmap(range.page(1))
    await pages.poke(0, 5)
    equal(await t.peek(range, 0), 5)
  },

  'every-device': needing(['device.shared'], async (t) => {
    const range = await t.mmap(1)
    const other = await t.openDevice()
    const one = await (await t.watch(range)).map('write')
    const two = await (await t.watch(range, { device: other })).map('write')
    await t.space.munmap(range)
    await rejects('EFAULT', one.peek(0), 'the first device')
    await rejects('EFAULT', two.peek(0), 'the second device')
  }),

  'without-an-invalidate-that-helps': async (t) => {
    const range = await t.mmap(1)
    const watch = await t.watch(range, {
      invalidate: () => {
        throw new Error('the driver fails')
      },
    })
    t.expectCallbackFailures(1)
    const pages = await watch.map('write')
    await t.space.munmap(range)
    await rejects('EFAULT', pages.poke(0, 9), 'a device write')
    await watch.settled()
  },

  // Either the device saw the right data, or it failed: never something else.
  'racing-with-transfers': async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const pages = await (await t.watch(range)).map('read')
    const reads = Array.from({ length: 16 }, (_, i) =>
      pages.peek(i % 2).then(
        (byte) => byte === (i % 2) + 1,
        (error: { code?: string }) => error.code === 'EFAULT',
      ),
    )
    await t.space.munmap(range)
    ok((await Promise.all(reads)).every(Boolean), 'every read is right or fails with EFAULT')
    await rejects('EFAULT', pages.peek(0), 'a read afterwards')
  },

  // A map that runs while the range goes away ends with no working translation.
  'racing-with-map': async (t) => {
    const range = await t.mmap(4)
    await t.fill(range, 1)
    const watch = await t.watch(range)
    const mapping = watch.map('write').catch((error: { code?: string }) => error.code)
    await t.space.munmap(range)
    const result = await mapping
    if (typeof result === 'string') equal(result, 'EFAULT', 'the failure of the map')
    else if (result !== undefined) await rejects('EFAULT', result.poke(0, 9), 'a device write')
  },
})
