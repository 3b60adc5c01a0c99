import { equal, ok, rejects, throws } from '../../harness/check.js'
import { caseGroup } from '../../harness/case.js'
import { DevicePages } from '../../harness/device-pages.js'
import type { MirrorMapping } from '../../../objects/mirror-mapping.js'

export const description = `
The commit of a map runs once, synchronously, while nothing is invalidated. If it throws or returns a
promise, what was mapped for it is undone; calls in it that map or wait fail with EDEADLK; the mapping
that it was given is of no use afterwards.`

export const group = caseGroup('mirror/commit', ['mirror', 'dma.mirror', 'engine'], {
  'returns-its-value': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    equal(await mirror.map<string>(range, { access: 'read' }, () => 'value'), 'value')
  },

  'runs-once': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    let runs = 0
    await mirror.map<void>(range, { access: 'read' }, () => void runs++)
    equal(runs, 1)
  },

  'does-not-run-when-the-map-fails': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1, { protection: 'none' }))
    let runs = 0
    await rejects(
      'EFAULT',
      mirror.map<void>(range, { access: 'read' }, () => void runs++),
    )
    equal(runs, 0)
  },

  'throwing-undoes-the-map': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(2))
    let pages: DevicePages | undefined
    const error = await rejects(
      RangeError,
      mirror.map<void>(range, { access: 'write' }, (mapping) => {
        pages = new DevicePages(t.device, mapping)
        throw new RangeError('of the driver')
      }),
    )
    equal(error.message, 'of the driver', 'what comes out')
    await rejects('EFAULT', (pages as DevicePages).poke(0, 9), 'a device write')
    equal(await t.contents(range), [0, 0])
  },

  'throwing-keeps-earlier-mappings': async (t) => {
    const watch = await t.watch(await t.mmap(2))
    const earlier = await watch.map('write', watch.range.page(0))
    await rejects(
      RangeError,
      watch.mirror.map<void>(watch.range, { access: 'write' }, () => {
        throw new RangeError('of the driver')
      }),
    )
    await earlier.poke(0, 7)
    equal(await t.peek(watch.range, 0), 7)
  },

  'undo-leaves-what-another-map-got': async (t) => {
    // Two maps of the same pages at once, of which one fails in its commit, whichever comes first.
    for (const failsFirst of [true, false]) {
      const watch = await t.watch(await t.mmap(2))
      const failing = () =>
        watch.mirror.map<void>(watch.range, { access: 'write' }, () => {
          throw new RangeError('of the driver')
        })
      const good = () => watch.map('write')
      const [first, second] = failsFirst
        ? await Promise.allSettled([failing(), good()])
        : await Promise.allSettled([good(), failing()])
      const mapped = failsFirst ? second : first
      if (mapped.status === 'rejected') throw mapped.reason
      await (mapped.value as DevicePages).poke(0, 7)
      equal(await t.peek(watch.range, 0), 7)
    }
  },

  'awaiting-in-it': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    let pages: DevicePages | undefined
    const asynchronous = async (mapping: MirrorMapping) => {
      pages = new DevicePages(t.device, mapping)
      await Promise.resolve()
    }
    await rejects(
      'EDEADLK',
      mirror.map<never>(range, { access: 'write' }, asynchronous as (m: MirrorMapping) => never),
    )
    await rejects('EFAULT', (pages as DevicePages).poke(0, 9), 'a device write')
    equal(await t.peek(range, 0), 0)
  },

  'mapping-in-it': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(2))
    let inner: Promise<unknown> = Promise.resolve()
    await mirror.map<void>(range.page(0), { access: 'read' }, () => {
      inner = mirror.map<void>(range.page(1), { access: 'read' }, () => undefined)
    })
    await rejects('EDEADLK', inner)
  },

  'unmapping-in-it': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    await mirror.map<void>(range, { access: 'read' }, () => {
      throws('EDEADLK', () => mirror.unmap(range))
    })
  },

  'waiting-in-it': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    let inner: Promise<unknown> = Promise.resolve()
    await mirror.map<void>(range, { access: 'read' }, () => {
      inner = t.space.munmap(range)
    })
    await rejects('EDEADLK', inner)
    equal(await t.peek(range, 0), 0, 'the memory is still there')
  },

  'locking-in-it': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    const mutex = t.device.sync.mutex('lock')
    let inner: Promise<unknown> = Promise.resolve()
    await mirror.map<void>(range, { access: 'read' }, () => {
      inner = mutex.lock()
    })
    await rejects('EDEADLK', inner)
    ok(!mutex.isLocked, 'the mutex is free')
  },

  'mapping-used-after-it': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(1))
    let kept: MirrorMapping | undefined
    await mirror.map<void>(range, { access: 'read' }, (mapping) => void (kept = mapping))
    throws('ESTALE', () => kept?.dmaPage(0), 'dmaPage')
    throws('ESTALE', () => kept?.writable(0), 'writable')
    throws('ESTALE', () => kept?.runs(), 'runs')
  },

  'page-outside-the-mapping': async (t) => {
    const { mirror, range } = await t.watch(await t.mmap(2))
    await mirror.map<void>(range, { access: 'read' }, (mapping) => {
      throws(RangeError, () => mapping.dmaPage(2), 'the page behind the end')
      throws(RangeError, () => mapping.dmaPage(-1), 'the page before the start')
      mapping.dmaPage(1)
    })
  },
})
