import { equal } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { DmaDirection } from '../../../raw/raw-dma.js'

export const description = `
A non-coherent device sees memory, the CPU its cache: only map, unmap and sync move bytes between them,
and a missing sync shows as stale data on either side. Coherent buffers need none.`

async function mapped(t: Scene, direction: DmaDirection) {
  const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
  buffer.write(0, Uint8Array.of(1, 2, 3))
  return { buffer, mapping: t.own(t.device.dma.map(buffer, { direction })) }
}

const needs = ['dma.non-coherent', 'dma.streaming', 'engine'] as const

export const group = caseGroup('dma/non-coherent', needs, {
  'map-shows-what-was-written': async (t) => {
    const { mapping } = await mapped(t, 'to-device')
    equal(await t.device.engine.read(mapping.address, 3), [1, 2, 3])
  },

  'cpu-writes-without-sync': async (t) => {
    const { buffer, mapping } = await mapped(t, 'to-device')
    buffer.write(0, Uint8Array.of(9))
    equal(buffer.read(0, 1), [9], 'what the CPU reads')
    equal(await t.device.engine.read(mapping.address, 1), [1], 'the device before the sync')
    mapping.sync('device')
    equal(await t.device.engine.read(mapping.address, 1), [9], 'the device after it')
  },

  'device-writes-without-sync': async (t) => {
    const { buffer, mapping } = await mapped(t, 'from-device')
    await t.device.engine.write(mapping.address, Uint8Array.of(9))
    equal(buffer.read(0, 1), [1], 'the CPU before the sync')
    mapping.sync('cpu')
    equal(buffer.read(0, 1), [9], 'the CPU after it')
  },

  'sync-of-a-part': async (t) => {
    const { buffer, mapping } = await mapped(t, 'from-device')
    await t.device.engine.write(mapping.address, Uint8Array.of(7, 8, 9))
    mapping.sync('cpu', 1, 1)
    equal(buffer.read(0, 3), [1, 8, 3])
  },

  'unmap-hands-over': async (t) => {
    const { buffer, mapping } = await mapped(t, 'bidirectional')
    await t.device.engine.write(mapping.address, Uint8Array.of(9))
    mapping.unmap()
    equal(buffer.read(0, 2), [9, 2])
  },

  'cpu-keeps-what-it-wrote-beside': async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const options = { direction: 'from-device', offset: 128, bytes: 128 } as const
    const mapping = t.own(t.device.dma.map(buffer, options))
    buffer.write(0, Uint8Array.of(4))
    await t.device.engine.write(mapping.address, Uint8Array.of(9))
    mapping.unmap()
    equal(buffer.read(0, 1), [4], 'what the CPU wrote')
    equal(buffer.read(128, 1), [9], 'what the device wrote')
  },

  'coherent-buffer': needing(['dma.coherent'], async (t) => {
    const buffer = t.own(await t.device.dma.allocCoherent({ bytes: 64 }))
    buffer.write(0, Uint8Array.of(3))
    equal(await t.device.engine.read(buffer.dmaAddress, 1), [3], 'the device')
    await t.device.engine.write(buffer.dmaAddress, Uint8Array.of(4))
    equal(buffer.read(0, 1), [4], 'the CPU')
  }),

  'unlink-hands-over': needing(['dma.window'], async (t) => {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const window = t.own(await t.device.dma.openWindow({ pages: 1 }))
    window.link(buffer, { at: 0, direction: 'from-device' })
    window.sync()
    await t.device.engine.write(window.dmaAddress(0), Uint8Array.of(9))
    equal(buffer.read(0, 1), [0], 'before unlink')
    window.unlink(0, 1)
    equal(buffer.read(0, 1), [9], 'after it')
  }),
})
