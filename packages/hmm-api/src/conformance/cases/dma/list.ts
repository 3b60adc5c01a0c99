import { equal, ok, rejects, throws } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'
import type { DmaAddress } from '../../../address/address.js'
import type { DmaList } from '../../../objects/dma-list.js'
import type { DmaDirection } from '../../../raw/raw-dma.js'

export const description = `
Lists (scatter-gather): several pieces of memory are mapped at once, all or none. What the device is told
are segments: an IOMMU joins neighbours that fill their pages, nothing else does; no segment is longer than
the limit or crosses a boundary. Sync and unmap are of the whole list.`

/** Buffers of so many pages each, byte \`i\` of buffer \`k\` being 16k + i / 256. */
async function buffers(t: Scene, ...pages: number[]) {
  const made = []
  for (const [index, count] of pages.entries()) {
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: count * t.pageSize }))
    buffer.write(
      0,
      Uint8Array.from({ length: buffer.bytes }, (_, at) => 16 * index + (at >> 8)),
    )
    made.push(buffer)
  }
  return made
}

async function mapped(t: Scene, direction: DmaDirection, ...pages: number[]) {
  const parts = await buffers(t, ...pages)
  return { parts, list: t.own(t.device.dma.map(parts, { direction })) }
}

/** What the device reads, segment by segment. */
async function contents(t: Scene, list: DmaList): Promise<number[]> {
  const bytes: number[] = []
  for (const segment of list.segments) {
    const step = Math.min(t.device.engine.maxBytes, segment.bytes)
    for (let at = 0; at < segment.bytes; at += step) {
      const address = (segment.address + BigInt(at)) as DmaAddress
      bytes.push(...(await t.device.engine.read(address, Math.min(step, segment.bytes - at))))
    }
  }
  return bytes
}

/** Whether no segment crosses a multiple of \`block\`. */
function insideBlocks(list: DmaList, block: number): boolean {
  return list.segments.every(({ address, bytes }) => {
    const first = address / BigInt(block)
    return first === (address + BigInt(bytes - 1)) / BigInt(block)
  })
}

/** Whether an IOMMU joins what this device is given. */
function joins(t: Scene): boolean {
  return t.device.dma.limits.translating && !t.device.capabilities.has('dma.bounce')
}

export const group = caseGroup('dma/list', ['dma.list', 'engine'], {
  'one-part': async (t) => {
    const { parts, list } = await mapped(t, 'to-device', 1)
    equal(list.bytes, parts[0]!.bytes, 'its size')
    equal(await contents(t, list), parts[0]!.read(0, list.bytes), 'what the device reads')
  },

  'parts-in-order': async (t) => {
    const [one, two, three] = await buffers(t, 1, 2, 1)
    const parts = [
      { source: one!, offset: 100, bytes: 300 },
      { source: two!, offset: t.pageSize - 10, bytes: 20 },
      { source: three!, offset: 5 },
    ]
    const list = t.own(t.device.dma.map(parts, { direction: 'to-device' }))
    const expected = parts.flatMap(({ source, offset, bytes }) => [
      ...source.read(offset, bytes ?? t.pageSize - 5),
    ])
    equal(list.bytes, expected.length, 'its size')
    equal(await contents(t, list), expected, 'what the device reads')
  },

  'device-writes': async (t) => {
    const { parts, list } = await mapped(t, 'from-device', 1, 1)
    await t.device.engine.write(list.at(0), Uint8Array.of(7))
    await t.device.engine.write(list.at(list.bytes - 1), Uint8Array.of(9))
    list.unmap()
    equal(parts[0]!.read(0, 1), [7], 'the first byte of the first part')
    equal(parts[1]!.read(t.pageSize - 1, 1), [9], 'the last byte of the last part')
  },

  'segments-hold-all': async (t) => {
    const { list } = await mapped(t, 'to-device', 1, 2, 1)
    let offset = 0
    for (const segment of list.segments) {
      equal(segment.offset, offset, 'where a segment begins in the list')
      equal(list.at(offset), segment.address, 'the address of its first byte')
      offset += segment.bytes
    }
    equal(offset, list.bytes, 'what they hold together')
    throws(RangeError, () => list.at(offset), 'a byte behind the list')
    throws(RangeError, () => list.at(-1), 'a byte before it')
  },

  'neighbours-are-joined-by-an-iommu-only': async (t) => {
    t.device.dma.setSegmentLimits({ maxBytes: 16 * t.pageSize })
    const { list } = await mapped(t, 'to-device', 1, 2)
    equal(list.segments.length, joins(t) ? 1 : 2, 'the number of segments')
  },

  'what-fills-no-page-ends-a-segment': async (t) => {
    t.device.dma.setSegmentLimits({ maxBytes: 16 * t.pageSize })
    const [one, two, three] = await buffers(t, 1, 1, 1)
    const parts = [one!, { source: two!, bytes: 100 }, three!]
    const list = t.own(t.device.dma.map(parts, { direction: 'to-device' }))
    equal(
      list.segments.map(({ bytes }) => bytes),
      joins(t) ? [t.pageSize + 100, t.pageSize] : [t.pageSize, 100, t.pageSize],
      'the sizes of the segments',
    )
    equal(await t.device.engine.read(list.at(t.pageSize + 100), 1), [32], 'the third part')
  },

  'limits-by-default': async (t) => {
    const { segments } = t.device.dma.limits
    equal([segments?.maxBytes, segments?.boundaryMask], [65536, 2 ** 32 - 1], 'as for PCI devices')
  },

  'limits-are-kept': async (t) => {
    const before = t.device.dma.limits.segments
    t.device.dma.setSegmentLimits({ maxBytes: 4096 })
    equal(t.device.dma.limits.segments, { ...before, maxBytes: 4096 }, 'one is set')
    t.device.dma.setSegmentLimits({ boundaryMask: 0xffff })
    const both = { ...before, maxBytes: 4096, boundaryMask: 0xffff }
    equal(t.device.dma.limits.segments, both, 'and another')
  },

  'long-parts-are-cut': async (t) => {
    const bytes = 3 * 65536
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes }))
    const list = t.own(t.device.dma.map([buffer], { direction: 'to-device' }))
    equal(
      list.segments.map((segment) => segment.bytes),
      [65536, 65536, 65536],
      'the sizes',
    )
  },

  'max-segment': async (t) => {
    t.device.dma.setSegmentLimits({ maxBytes: t.pageSize })
    const { parts, list } = await mapped(t, 'to-device', 1, 2)
    equal(
      list.segments.map(({ bytes }) => bytes),
      [t.pageSize, t.pageSize, t.pageSize],
      'the sizes',
    )
    const last = await t.device.engine.read(list.at(2 * t.pageSize), 1)
    equal(last, parts[1]!.read(t.pageSize, 1), 'the last segment')
  },

  'max-segment-below-a-page': async (t) => {
    t.device.dma.setSegmentLimits({ maxBytes: 512 })
    const [buffer] = await buffers(t, 1)
    const part = { source: buffer!, offset: 8, bytes: 1300 }
    const list = t.own(t.device.dma.map([part], { direction: 'to-device' }))
    equal(
      list.segments.map(({ bytes }) => bytes),
      [512, 512, 276],
      'the sizes',
    )
    equal(await contents(t, list), buffer!.read(8, 1300), 'what the device reads')
  },

  boundary: async (t) => {
    t.device.dma.setSegmentLimits({ boundaryMask: 4 * t.pageSize - 1, maxBytes: 64 * t.pageSize })
    const { list } = await mapped(t, 'to-device', 3, 3, 3)
    ok(insideBlocks(list, 4 * t.pageSize), 'no segment crosses a boundary')
    equal(await t.device.engine.read(list.at(3 * t.pageSize), 1), [16], 'the second part')
    equal(await t.device.engine.read(list.at(6 * t.pageSize), 1), [32], 'the third part')
  },

  'boundary-below-a-page': async (t) => {
    t.device.dma.setSegmentLimits({ boundaryMask: 1023 })
    const [buffer] = await buffers(t, 1)
    const part = { source: buffer!, offset: 700, bytes: 1500 }
    const map = () => t.device.dma.map([part], { direction: 'to-device' })
    if (t.device.dma.limits.translating && t.device.capabilities.has('dma.bounce')) {
      // What stands for bytes of a page is a page, which crosses such a boundary.
      throws('ENOMEM', map)
      return
    }
    const list = t.own(map())
    ok(insideBlocks(list, 1024), 'no segment crosses a boundary')
    equal(await contents(t, list), buffer!.read(700, 1500), 'what the device reads')
  },

  'longer-than-one-mapping': needing(['dma.bounce'], async (t) => {
    t.device.dma.setSegmentLimits({ maxBytes: 2 ** 24 })
    const bytes = t.device.dma.limits.maxMappingBytes + 100
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes }))
    buffer.write(bytes - 1, Uint8Array.of(5))
    const list = t.own(t.device.dma.map([buffer], { direction: 'to-device' }))
    equal(await t.device.engine.read(list.at(bytes - 1), 1), [5])
  }),

  'limits-while-mapped': async (t) => {
    const { list } = await mapped(t, 'to-device', 1)
    throws('EBUSY', () => t.device.dma.setSegmentLimits({ maxBytes: 4096 }))
    list.unmap()
    t.device.dma.setSegmentLimits({ maxBytes: 4096 })
  },

  'limits-out-of-range': async (t) => {
    const set = (limits: object) => () => t.device.dma.setSegmentLimits(limits)
    throws(TypeError, set({ maxBytes: 511 }), 'less than 512 bytes')
    throws(TypeError, set({ maxBytes: 2 ** 32 }), 'more than 32 bits')
    throws(TypeError, set({ boundaryMask: 4096 }), 'a boundary that is no mask')
    throws(TypeError, set({ minAlignMask: 5 }), 'an alignment that is no mask')
  },

  'more-segments-than-there-may-be': async (t) => {
    const most = t.device.capabilities.require('dma.list')['segments'] as number
    t.device.dma.setSegmentLimits({ maxBytes: 512 })
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: (most + 1) * 512 }))
    throws('ENOSPC', () => t.device.dma.map([buffer], { direction: 'to-device' }), 'one too many')
    const part = { source: buffer, bytes: 512 * 16 }
    t.own(t.device.dma.map([part], { direction: 'to-device' }))
  },

  'more-parts-than-there-may-be': async (t) => {
    const most = t.device.capabilities.require('dma.list')['parts'] as number
    const [buffer] = await buffers(t, 1)
    const part = { source: buffer!, bytes: 8 }
    const map = (count: number) => () =>
      t.device.dma.map(
        Array.from({ length: count }, () => part),
        { direction: 'to-device' },
      )
    throws('EINVAL', map(most + 1), 'one too many')
    equal(t.own(map(most)()).bytes, 8 * most, 'the largest list')
  },

  'a-buffer-twice': async (t) => {
    const [buffer] = await buffers(t, 1)
    const list = t.own(t.device.dma.map([buffer!, buffer!], { direction: 'to-device' }))
    equal(await t.device.engine.read(list.at(256), 1), [1], 'the first time')
    equal(await t.device.engine.read(list.at(t.pageSize + 256), 1), [1], 'the second time')
  },

  'to-device-is-not-writable': async (t) => {
    const { parts, list } = await mapped(t, 'to-device', 1, 1)
    equal(list.writable, false, 'what the list says')
    if (t.device.dma.limits.translating) {
      await t.refused(t.device.engine.write(list.at(t.pageSize), Uint8Array.of(99)))
      equal(parts[1]!.read(0, 1), [16])
    }
  },

  'sync-for-the-device': async (t) => {
    const { parts, list } = await mapped(t, 'to-device', 1, 1)
    parts[1]!.write(7, Uint8Array.of(99))
    list.sync('device')
    equal(await t.device.engine.read(list.at(t.pageSize + 7), 1), [99])
  },

  'sync-for-the-cpu': async (t) => {
    const { parts, list } = await mapped(t, 'from-device', 1, 1)
    await t.device.engine.write(list.at(t.pageSize + 7), Uint8Array.of(99))
    list.sync('cpu')
    equal(parts[1]!.read(7, 1), [99])
  },

  'sync-against-the-direction': async (t) => {
    const { list } = await mapped(t, 'to-device', 1)
    throws('EINVAL', () => list.sync('cpu'), 'for the CPU')
    list.sync('device')
    const { list: other } = await mapped(t, 'from-device', 1)
    throws('EINVAL', () => other.sync('device'), 'for the device')
    other.sync('cpu')
  },

  'unmapped-is-unreachable': async (t) => {
    const { list } = await mapped(t, 'to-device', 1, 1)
    const { revocable, segments } = list
    list.unmap()
    if (!revocable) return
    for (const { address } of segments) {
      await rejects('EFAULT', t.device.engine.read(address, 1), 'a device read')
    }
  },

  'unmap-twice': async (t) => {
    const { list } = await mapped(t, 'to-device', 1)
    list.unmap()
    throws('EINVAL', () => list.unmap(), 'unmapping again')
    throws('EINVAL', () => list.sync('device'), 'sync')
  },

  'memory-comes-back': async (t) => {
    const parts = await buffers(t, 1, 1, 1)
    for (let i = 0; i < 300; i++) t.device.dma.map(parts, { direction: 'to-device' }).unmap()
    const list = t.own(t.device.dma.map(parts, { direction: 'to-device' }))
    equal(await t.device.engine.read(list.at(0), 1), [0])
  },

  'bad-parts': async (t) => {
    const [buffer] = await buffers(t, 1)
    const map = (...parts: unknown[]) => {
      return () => t.device.dma.map(parts as never[], { direction: 'to-device' })
    }
    throws(TypeError, map(), 'none')
    throws(TypeError, map(buffer, { bytes: 8 }), 'a part without a source')
    throws(RangeError, map({ source: buffer, offset: 8, bytes: t.pageSize }), 'beyond the end')
    throws(TypeError, map({ source: buffer, bytes: 0 }), 'nothing')
    const coherent = t.own(await t.device.dma.allocCoherent({ bytes: 64 }))
    throws(TypeError, map(buffer, coherent), 'a coherent buffer')
    await buffer!.close()
    throws('EBADF', map(buffer), 'a closed buffer')
  },

  'closing-a-listed-buffer': async (t) => {
    const [one, two] = await buffers(t, 1, 1)
    const list = t.device.dma.map([one!, two!], { direction: 'to-device' })
    const { revocable, segments } = list
    await two!.close()
    equal(
      two!.leaks.map(({ kind }) => kind),
      ['dma-list'],
      'what leaked',
    )
    equal(list.status, 'closed', 'the list')
    if (revocable) await rejects('EFAULT', t.device.engine.read(segments[0]!.address, 1))
  },
})
