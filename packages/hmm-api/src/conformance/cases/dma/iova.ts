import { equal, ok, rejects, throws } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { IovaWindow } from '../../../objects/iova-window.js'

export const description = `
The address space of an IOMMU: what is handed out is aligned to its size, lies below the mask, comes to an
end, and comes back. The mask is set before anything is mapped.`

/** An eighth of what 28 bits hold. */
const eighth = (t: Scene): number => 2 ** 25 / t.pageSize

export const group = caseGroup('dma/iova', ['dma.window', 'dma.streaming', 'engine'], {
  'aligned-to-the-size': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: 16 * t.pageSize }))
    for (const pages of [1, 2, 3, 5, 8, 16]) {
      const bytes = pages * t.pageSize
      const mapping = t.own(t.device.dma.map(buffer, { direction: 'to-device', bytes }))
      const align = 2 ** Math.ceil(Math.log2(pages))
      equal(mapping.dmaPage(0) % align, 0, `${pages} pages: the first page, modulo ${align}`)
      const window = t.own(await t.device.dma.openWindow({ pages }))
      equal(window.dmaPage % align, 0, `${pages} pages: that of a window, modulo ${align}`)
    }
  },

  'below-the-mask': async (t) => {
    t.device.dma.setMask(28)
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const mapping = t.own(t.device.dma.map(buffer, { direction: 'to-device' }))
    ok(mapping.address < 2n ** 28n, 'a mapping')
    const window = t.own(await t.device.dma.openWindow({ pages: 4 }))
    ok(window.dmaAddress(3) < 2n ** 28n, 'a window')
  },

  'comes-to-an-end': async (t) => {
    t.device.dma.setMask(28)
    const pages = eighth(t)
    const open = async (): Promise<IovaWindow> => t.own(await t.device.dma.openWindow({ pages }))
    const windows: IovaWindow[] = []
    // Something else may lie in the first and in the last.
    for (let i = 0; i < 6; i++) windows.push(await open())
    await rejects('ENOMEM', t.device.dma.openWindow({ pages: 4 * pages }), 'a window too many')
    await windows[1]!.close()
    const again = await open()
    ok(again.dmaAddress(pages - 1) < 2n ** 28n, 'what came back lies below the mask')
  },

  'windows-lie-apart': async (t) => {
    const windows: IovaWindow[] = []
    for (const pages of [3, 1, 4, 1, 5]) {
      windows.push(t.own(await t.device.dma.openWindow({ pages })))
    }
    windows.sort((a, b) => a.dmaPage - b.dmaPage)
    ok(
      windows.every((window, index) => {
        const before = windows[index - 1]
        return before === undefined || before.dmaPage + before.pages <= window.dmaPage
      }),
      'none is on top of another',
    )
  },

  'mask-while-mapped': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const mapping = t.own(t.device.dma.map(buffer, { direction: 'to-device' }))
    throws('EBUSY', () => t.device.dma.setMask(30), 'with a mapping')
    mapping.unmap()
    const window = t.own(await t.device.dma.openWindow({ pages: 1 }))
    throws('EBUSY', () => t.device.dma.setMask(30), 'with a window')
    await window.close()
    t.device.dma.setMask(30)
  },

  'mask-while-in-use': needing(['dma.coherent', 'mirror'], async (t) => {
    const buffer = await t.device.dma.allocCoherent({ bytes: 64 })
    throws('EBUSY', () => t.device.dma.setMask(30), 'with a coherent buffer')
    await buffer.close()
    const { mirror } = await t.watch(await t.mmap(1))
    throws('EBUSY', () => t.device.dma.setMask(30), 'with a mirror')
    await mirror.close()
    t.device.dma.setMask(30)
  }),
})
