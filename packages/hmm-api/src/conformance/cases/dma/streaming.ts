import { equal, ok, rejects, throws } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { DmaAddress } from '../../../address/address.js'
import { HmmError } from '../../../error/hmm-error.js'
import type { DmaDirection } from '../../../raw/raw-dma.js'

export const description = `
Streaming mappings of own buffers: the device reaches the mapped bytes in the mapped direction, between
map and unmap, and sync hands them over. Every mapping says whether it is revocable; where it is, an
access after unmap faults.`

async function mapped(t: Scene, direction: DmaDirection, pages = 1) {
  const buffer = t.own(await t.device.dma.allocBuffer({ bytes: pages * t.pageSize }))
  buffer.write(0, Uint8Array.of(1, 2, 3, 4))
  return { buffer, mapping: t.own(t.device.dma.map(buffer, { direction })) }
}

export const group = caseGroup('dma/streaming', ['dma.streaming', 'engine'], {
  'to-device': async (t) => {
    const { mapping } = await mapped(t, 'to-device')
    mapping.sync('device')
    equal(await t.device.engine.read(mapping.address, 4), [1, 2, 3, 4])
  },

  'to-device-is-not-writable': async (t) => {
    const { buffer, mapping } = await mapped(t, 'to-device')
    equal(mapping.writable, false, 'what the mapping says')
    if (t.device.dma.limits.translating) {
      await t.refused(t.device.engine.write(mapping.address, Uint8Array.of(9)))
      equal(buffer.read(0, 1), [1])
    }
  },

  'from-device': async (t) => {
    const { buffer, mapping } = await mapped(t, 'from-device')
    await t.device.engine.write(mapping.address, Uint8Array.of(9, 8))
    mapping.sync('cpu')
    equal(buffer.read(0, 2), [9, 8])
  },

  bidirectional: async (t) => {
    const { buffer, mapping } = await mapped(t, 'bidirectional')
    equal(await t.device.engine.read(mapping.address, 2), [1, 2], 'what the device reads')
    await t.device.engine.write(mapping.address, Uint8Array.of(9))
    mapping.sync('cpu', 0, 1)
    equal(buffer.read(0, 2), [9, 2], 'what the CPU reads')
  },

  'written-between-syncs': async (t) => {
    const { buffer, mapping } = await mapped(t, 'bidirectional')
    mapping.sync('cpu')
    buffer.write(0, Uint8Array.of(5))
    mapping.sync('device')
    equal(await t.device.engine.read(mapping.address, 1), [5])
  },

  'offset-and-length': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: 2 * t.pageSize }))
    buffer.write(t.pageSize, Uint8Array.of(6))
    const options = { direction: 'to-device', offset: t.pageSize, bytes: 16 } as const
    const mapping = t.own(t.device.dma.map(buffer, options))
    equal(mapping.bytes, 16, 'the length')
    equal(await t.device.engine.read(mapping.address, 1), [6])
  },

  'several-pages-in-a-row': async (t) => {
    const { buffer, mapping } = await mapped(t, 'from-device', 3)
    equal(mapping.pages, 3, 'the number of pages')
    equal(mapping.dmaAddress(2), mapping.address + 2n * BigInt(t.pageSize), 'the last page')
    await t.device.engine.write(mapping.dmaAddress(2), Uint8Array.of(7))
    mapping.sync('cpu')
    equal(buffer.read(2 * t.pageSize, 1), [7])
  },

  'unmap-copies-back': async (t) => {
    const { buffer, mapping } = await mapped(t, 'from-device')
    await t.device.engine.write(mapping.address, Uint8Array.of(3))
    mapping.unmap()
    equal(buffer.read(0, 1), [3])
  },

  'unmapped-is-unreachable': async (t) => {
    const { mapping } = await mapped(t, 'to-device')
    const { address, revocable } = mapping
    mapping.unmap()
    if (revocable) await rejects('EFAULT', t.device.engine.read(address, 1), 'a device read')
    else {
      const { translating, flush } = t.device.dma.limits
      ok(!translating || flush === 'lazy', 'an IOMMU that forgets at once revokes')
    }
  },

  'unmap-twice': async (t) => {
    const { mapping } = await mapped(t, 'to-device')
    mapping.unmap()
    throws('EINVAL', () => mapping.unmap())
  },

  'sync-after-unmap': async (t) => {
    const { mapping } = await mapped(t, 'bidirectional')
    mapping.unmap()
    throws('EINVAL', () => mapping.sync('cpu'))
  },

  'sync-outside': async (t) => {
    const { mapping } = await mapped(t, 'bidirectional')
    throws(RangeError, () => mapping.sync('cpu', 0, mapping.bytes + 1), 'beyond the end')
    throws(RangeError, () => mapping.sync('cpu', 0, 0), 'of nothing')
    mapping.sync('cpu', mapping.bytes - 1, 1)
  },

  'sync-against-the-direction': async (t) => {
    const { mapping } = await mapped(t, 'to-device')
    throws('EINVAL', () => mapping.sync('cpu'), 'for the CPU')
    mapping.sync('device')
    const { mapping: other } = await mapped(t, 'from-device')
    throws('EINVAL', () => other.sync('device'), 'for the device')
    other.sync('cpu')
  },

  'coherent-is-mapped-already': needing(['dma.coherent'], async (t) => {
    const buffer = t.own(await t.device.dma.allocCoherent({ bytes: 64 }))
    throws(TypeError, () => t.device.dma.map(buffer, { direction: 'to-device' }))
  }),

  'buffer-of-another-device': needing(['device.shared'], async (t) => {
    const other = await t.openDevice()
    const buffer = t.own(await other.dma.allocBuffer({ bytes: 64 }))
    throws(TypeError, () => t.device.dma.map(buffer, { direction: 'to-device' }))
  }),

  'two-mappings-of-a-buffer': async (t) => {
    const { buffer, mapping } = await mapped(t, 'to-device')
    const second = t.own(t.device.dma.map(buffer, { direction: 'to-device' }))
    mapping.unmap()
    equal(await t.device.engine.read(second.address, 2), [1, 2])
  },

  'mapping-outside-the-buffer': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: 64 }))
    const map = (offset: number, bytes: number) => () =>
      t.device.dma.map(buffer, { direction: 'to-device', offset, bytes })
    throws(RangeError, map(0, 65), 'beyond the end')
    throws(TypeError, map(-1, 4), 'before the start')
    throws(TypeError, map(0, 0), 'nothing')
    t.own(map(63, 1)())
  },

  'bad-direction': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: 64 }))
    throws(TypeError, () => t.device.dma.map(buffer, { direction: 'none' as 'to-device' }))
  },

  // Either the platform cannot serve so few bits, or the buffer is out of their reach.
  'mask-too-small': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: 64 }))
    throws('EIO', () => {
      t.device.dma.setMask(12)
      t.own(t.device.dma.map(buffer, { direction: 'to-device' }))
    })
  },

  // Bounce buffers may lie further up.
  'mask-large-enough': needing(['!dma.bounce'], async (t) => {
    try {
      t.device.dma.setMask(28)
    } catch (error) {
      // Without IOMMU, and without low memory kept for such devices (CONFIG_ZONE_DMA): 32 bits always do.
      if (!HmmError.is(error, 'EIO')) throw error
      t.device.dma.setMask(32)
    }
    const { mapping } = await mapped(t, 'to-device')
    equal(await t.device.engine.read(mapping.address, 1), [1])
  }),

  'mask-out-of-range': async (t) => {
    throws(TypeError, () => t.device.dma.setMask(0), 'no bits')
    throws(TypeError, () => t.device.dma.setMask(65), '65 bits')
  },

  'closing-a-mapped-buffer': async (t) => {
    const buffer = await t.device.dma.allocBuffer({ bytes: 64, name: 'leaky' })
    const mapping = t.device.dma.map(buffer, { direction: 'to-device' })
    const { address, revocable } = mapping
    await buffer.close()
    equal(
      buffer.leaks.map(({ kind }) => kind),
      ['dma-mapping'],
      'what leaked',
    )
    if (revocable) await rejects('EFAULT', t.device.engine.read(address as DmaAddress, 1))
  },
})
