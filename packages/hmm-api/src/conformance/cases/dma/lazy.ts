import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
A lazy IOMMU may let the device reach what was unmapped until it is flushed: streaming mappings say that
they are not revocable. Windows and mirrors are flushed at once, whatever the IOMMU.`

export const group = caseGroup('dma/lazy', ['dma.lazy', 'engine'], {
  'streaming-is-not-revocable': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const mapping = t.own(t.device.dma.map(buffer, { direction: 'bidirectional' }))
    equal(mapping.revocable, false, 'what the mapping says')
    equal(t.device.dma.limits.flush, 'lazy', 'what the limits say')
  },

  'windows-are-flushed-at-once': needing(['dma.window'], async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const window = t.own(await t.device.dma.openWindow({ pages: 1 }))
    window.link(buffer, { at: 0, direction: 'bidirectional' })
    window.sync()
    const address = window.dmaAddress(0)
    await t.device.engine.write(address, Uint8Array.of(9))
    window.unlink(0, 1)
    await rejects('EFAULT', t.device.engine.write(address, Uint8Array.of(1)))
    equal(buffer.read(0, 1), [9])
  }),

  'mirrors-are-flushed-at-once': needing(['mirror', 'dma.mirror'], async (t) => {
    const range = await t.mmap(1)
    await t.fill(range, 1)
    const pages = await (await t.watch(range)).map('write')
    await t.device.engine.write(pages.address(0), Uint8Array.of(9))
    await t.space.munmap(range)
    await rejects('EFAULT', t.device.engine.write(pages.address(0), Uint8Array.of(1)))
  }),

  'addresses-come-back': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    // Far more than are ever waiting for a flush.
    for (let i = 0; i < 2000; i++) t.device.dma.map(buffer, { direction: 'to-device' }).unmap()
    ok(t.own(t.device.dma.map(buffer, { direction: 'to-device' })).address > 0n, 'an address')
  },
})
