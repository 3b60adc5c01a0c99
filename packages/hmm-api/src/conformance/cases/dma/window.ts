import { equal, rejects, throws } from '../../harness/check.js'
import { caseGroup } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
The two-step form (dma_iova_try_alloc, _link, _sync, _unlink): pages of buffers are linked into a window
of DMA pages piece by piece; a page is linked at most once, unlinked only when linked, and reachable
in between.`

async function opened(t: Scene, pages = 4) {
  const buffer = t.own(await t.device.dma.allocBuffer({ bytes: 2 * t.pageSize }))
  buffer.write(0, Uint8Array.of(1))
  buffer.write(t.pageSize, Uint8Array.of(2))
  return { buffer, window: t.own(await t.device.dma.openWindow({ pages })) }
}

const LINK = { at: 0, direction: 'to-device' } as const

export const group = caseGroup('dma/window', ['dma.window', 'engine'], {
  'link-sync-use': async (t) => {
    const { buffer, window } = await opened(t)
    window.link(buffer, LINK)
    window.sync(0, 2)
    equal(await t.device.engine.read(window.dmaAddress(0), 1), [1], 'the first page')
    equal(await t.device.engine.read(window.dmaAddress(1), 1), [2], 'the second page')
  },

  'in-the-middle': async (t) => {
    const { buffer, window } = await opened(t)
    window.link(buffer, { at: 2, bufferPage: 1, pages: 1, direction: 'to-device' })
    window.sync(2, 1)
    equal(await t.device.engine.read(window.dmaAddress(2), 1), [2])
    await rejects('EFAULT', t.device.engine.read(window.dmaAddress(1), 1), 'the page before')
    await rejects('EFAULT', t.device.engine.read(window.dmaAddress(3), 1), 'the page behind')
  },

  'piece-by-piece': async (t) => {
    const { buffer, window } = await opened(t)
    window.link(buffer, { at: 1, bufferPage: 0, pages: 1, direction: 'to-device' })
    window.link(buffer, { at: 0, bufferPage: 1, pages: 1, direction: 'to-device' })
    window.sync(0, 2)
    equal(await t.device.engine.read(window.dmaAddress(0), 1), [2], 'the first page')
    equal(await t.device.engine.read(window.dmaAddress(1), 1), [1], 'the second page')
  },

  'write-direction': async (t) => {
    const { buffer, window } = await opened(t)
    window.link(buffer, { at: 0, direction: 'bidirectional' })
    window.sync(0, 2)
    await t.device.engine.write(window.dmaAddress(1), Uint8Array.of(9))
    // Windows have no sync for the CPU: a non-coherent device hands over by unlink.
    if (!t.device.dma.limits.coherent) window.unlink(0, 2)
    equal(buffer.read(t.pageSize, 1), [9])
  },

  'to-device-is-not-writable': async (t) => {
    const { buffer, window } = await opened(t)
    window.link(buffer, LINK)
    window.sync(0, 2)
    await t.refused(t.device.engine.write(window.dmaAddress(0), Uint8Array.of(9)))
    equal(buffer.read(0, 1), [1])
  },

  unlink: async (t) => {
    const { buffer, window } = await opened(t)
    window.link(buffer, { at: 0, bufferPage: 0, pages: 1, direction: 'to-device' })
    window.link(buffer, { at: 1, bufferPage: 1, pages: 1, direction: 'to-device' })
    window.sync(0, 2)
    window.unlink(0, 1)
    await rejects('EFAULT', t.device.engine.read(window.dmaAddress(0), 1), 'the unlinked page')
    equal(await t.device.engine.read(window.dmaAddress(1), 1), [2], 'its neighbour')
  },

  'link-again': async (t) => {
    const { buffer, window } = await opened(t)
    window.link(buffer, LINK)
    window.unlink(0, 2)
    window.link(buffer, { at: 0, bufferPage: 1, pages: 1, direction: 'to-device' })
    window.sync(0, 1)
    equal(await t.device.engine.read(window.dmaAddress(0), 1), [2])
  },

  'link-twice': async (t) => {
    const { buffer, window } = await opened(t)
    window.link(buffer, LINK)
    throws('EADDRINUSE', () => window.link(buffer, { ...LINK, at: 1, pages: 1 }))
    window.sync(0, 2)
    equal(await t.device.engine.read(window.dmaAddress(1), 1), [2], 'what was linked first')
  },

  // The second page is taken: the first is not linked either.
  'link-is-all-or-nothing': async (t) => {
    const { buffer, window } = await opened(t)
    window.link(buffer, { at: 1, bufferPage: 0, pages: 1, direction: 'to-device' })
    throws('EADDRINUSE', () => window.link(buffer, LINK), 'linking on top')
    throws('EINVAL', () => window.unlink(0, 1), 'unlinking the page before it')
  },

  'unlink-of-unlinked': async (t) => {
    const { buffer, window } = await opened(t)
    throws('EINVAL', () => window.unlink(0, 1), 'of a window without links')
    window.link(buffer, LINK)
    throws('EINVAL', () => window.unlink(1, 2), 'of a half linked range')
    window.unlink(0, 2)
    throws('EINVAL', () => window.unlink(0, 2), 'for the second time')
  },

  // Only what is linked matters: the whole may be synchronised after each piece.
  'sync-of-the-whole': async (t) => {
    const { buffer, window } = await opened(t)
    window.link(buffer, { at: 1, bufferPage: 0, pages: 1, direction: 'to-device' })
    window.sync()
    equal(await t.device.engine.read(window.dmaAddress(1), 1), [1])
  },

  'sync-of-nothing-linked': async (t) => {
    const { buffer, window } = await opened(t)
    throws('EINVAL', () => window.sync(), 'of a window without links')
    window.link(buffer, LINK)
    throws('EINVAL', () => window.sync(2, 2), 'of pages that are not linked')
    window.sync(0, 2)
  },

  'outside-the-window': async (t) => {
    const { buffer, window } = await opened(t)
    throws(RangeError, () => window.link(buffer, { ...LINK, at: 3 }), 'linking')
    throws(RangeError, () => window.unlink(4, 1), 'unlinking')
    throws(RangeError, () => window.sync(0, 5), 'sync')
    throws(RangeError, () => window.dmaAddress(4), 'an address')
  },

  'outside-the-buffer': async (t) => {
    const { buffer, window } = await opened(t)
    throws(RangeError, () => window.link(buffer, { ...LINK, bufferPage: 1, pages: 2 }))
    window.link(buffer, { ...LINK, bufferPage: 1, pages: 1 })
  },

  'close-unlinks': async (t) => {
    const { buffer, window } = await opened(t)
    window.link(buffer, LINK)
    window.sync(0, 2)
    const address = window.dmaAddress(0)
    await window.close()
    await rejects('EFAULT', t.device.engine.read(address, 1))
    throws('EBADF', () => window.link(buffer, LINK), 'linking afterwards')
  },
})
