import { equal, ok, throws } from '../../harness/check.js'
import { caseGroup } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { DmaAddress } from '../../../address/address.js'
import type { DmaDirection } from '../../../raw/raw-dma.js'

export const description = `
Bounce buffers (SWIOTLB): the device works on a copy in slots of 2 KiB. Bytes move at map, unmap and sync
only, in the mapped direction; a mapping has a largest size. Mappings here fill no page, so that they are
bounced for an untrusted device behind an IOMMU as well.`

const SLOT = 2048

async function mapped(t: Scene, direction: DmaDirection, bytes = 100) {
  const buffer = t.own(await t.device.dma.allocBuffer({ bytes }))
  buffer.write(0, new Uint8Array(bytes).fill(1))
  return { buffer, mapping: t.own(t.device.dma.map(buffer, { direction })) }
}

export const group = caseGroup('dma/bounce', ['dma.bounce', 'dma.streaming', 'engine'], {
  'one-slot': async (t) => {
    const { buffer, mapping } = await mapped(t, 'bidirectional')
    equal(await t.device.engine.read(mapping.address, 2), [1, 1], 'what the device reads')
    await t.device.engine.write(mapping.address, Uint8Array.of(7))
    mapping.unmap()
    equal(buffer.read(0, 2), [7, 1], 'what is back after unmap')
  },

  'several-slots': async (t) => {
    const bytes = 3 * SLOT + 5
    const { buffer, mapping } = await mapped(t, 'bidirectional', bytes)
    const all = Uint8Array.from({ length: bytes }, (_, index) => index & 0xff)
    // Some engines move no more than a slot.
    for (let at = 0; at < bytes; at += SLOT) {
      const length = Math.min(SLOT, bytes - at)
      const address = (mapping.address + BigInt(at)) as DmaAddress
      equal(await t.device.engine.read(address, length), new Uint8Array(length).fill(1))
      await t.device.engine.write(address, all.subarray(at, at + length))
    }
    mapping.unmap()
    equal(buffer.read(0, bytes), all, 'what is back after unmap')
  },

  'part-of-a-buffer': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: 3 * SLOT }))
    buffer.write(0, new Uint8Array(3 * SLOT).fill(1))
    const options = { direction: 'from-device', offset: 100, bytes: SLOT } as const
    const mapping = t.own(t.device.dma.map(buffer, options))
    await t.device.engine.write(mapping.address, new Uint8Array(SLOT).fill(9))
    mapping.unmap()
    equal(buffer.read(99, 2), [1, 9], 'the start')
    equal(buffer.read(99 + SLOT, 2), [9, 1], 'the end')
  },

  'cpu-writes-without-sync': async (t) => {
    const { buffer, mapping } = await mapped(t, 'to-device')
    buffer.write(0, Uint8Array.of(5))
    equal(await t.device.engine.read(mapping.address, 1), [1], 'before the sync')
    mapping.sync('device')
    equal(await t.device.engine.read(mapping.address, 1), [5], 'after it')
  },

  'device-writes-without-sync': async (t) => {
    const { buffer, mapping } = await mapped(t, 'from-device')
    await t.device.engine.write(mapping.address, Uint8Array.of(6))
    equal(buffer.read(0, 1), [1], 'before the sync')
    mapping.sync('cpu')
    equal(buffer.read(0, 1), [6], 'after it')
  },

  'sync-of-a-part': async (t) => {
    const { buffer, mapping } = await mapped(t, 'from-device')
    await t.device.engine.write(mapping.address, Uint8Array.of(6, 7, 8))
    mapping.sync('cpu', 1, 1)
    equal(buffer.read(0, 3), [1, 7, 1])
  },

  'from-device-keeps-what-is-not-written': async (t) => {
    const { buffer, mapping } = await mapped(t, 'from-device')
    await t.device.engine.write(mapping.address, Uint8Array.of(6))
    mapping.unmap()
    equal(buffer.read(0, 3), [6, 1, 1])
  },

  'to-device-is-not-copied-back': async (t) => {
    const { buffer, mapping } = await mapped(t, 'to-device')
    await t.device.engine.write(mapping.address, Uint8Array.of(6)).catch(() => undefined)
    mapping.unmap()
    equal(buffer.read(0, 1), [1])
  },

  'two-mappings-are-two-copies': async (t) => {
    const { buffer, mapping } = await mapped(t, 'to-device')
    buffer.write(0, Uint8Array.of(5))
    const second = t.own(t.device.dma.map(buffer, { direction: 'to-device' }))
    ok(mapping.address !== second.address, 'each has an address of its own')
    equal(await t.device.engine.read(mapping.address, 1), [1], 'the first')
    equal(await t.device.engine.read(second.address, 1), [5], 'the second')
  },

  'largest-mapping': async (t) => {
    const { maxMappingBytes: bytes } = t.device.dma.limits
    const { mapping } = await mapped(t, 'to-device', bytes - 1)
    equal(await t.device.engine.read(mapping.address, 1), [1])
  },

  'larger-than-the-limit': async (t) => {
    const bytes = t.device.dma.limits.maxMappingBytes + 1
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes }))
    throws('EINVAL', () => t.device.dma.map(buffer, { direction: 'to-device' }), 'the whole')
    t.own(t.device.dma.map(buffer, { direction: 'to-device', bytes: bytes - 1 }))
  },

  'limits-agree': async (t) => {
    const limits = t.device.capabilities.require('dma.bounce')
    equal(limits['maxMappingBytes'], t.device.dma.limits.maxMappingBytes)
  },
})
