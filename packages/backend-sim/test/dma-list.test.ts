import fc from 'fast-check'
import { openBackend, type Backend, type Device, type DmaList } from '@hmm-sdk/hmm-api'
import { control, createBackend, type SimDmaOptions } from '@hmm-sdk/backend-sim'
import { afterEach, describe, expect, it } from 'vitest'

const PAGE = 4096
let backend: Backend

async function open(dma: SimDmaOptions): Promise<Device> {
  const config = { devices: { demo: { sim: { dma } } } }
  backend = await openBackend({ backend: createBackend, config })
  return backend.openDevice('demo')
}

afterEach(async () => {
  await backend.close()
  expect(backend.report().leaks.filter(({ kind }) => /page|iova/.test(kind))).toEqual([])
})

const SHAPES: readonly SimDmaOptions[] = [
  { shape: 'iommu' },
  { shape: 'iommu', flush: 'lazy' },
  { shape: 'direct' },
  { shape: 'swiotlb' },
  { shape: 'swiotlb', minAlignMask: 4095 },
  { shape: 'unaligned' },
  { shape: 'iommu', coherent: false },
]

const part = fc.record({ offset: fc.nat(3 * PAGE), bytes: fc.integer({ min: 1, max: 3 * PAGE }) })
const limits = fc.record({
  maxBytes: fc.constantFrom(512, 1000, PAGE, PAGE + 100, 3 * PAGE, 65536),
  boundaryMask: fc.constantFrom(511, 2047, PAGE - 1, 4 * PAGE - 1, 2 ** 32 - 1),
})

async function read(device: Device, list: DmaList): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for (const segment of list.segments) {
    parts.push(await device.engine.read(segment.address, segment.bytes))
  }
  return Buffer.concat(parts)
}

describe('any list', () => {
  it.each(SHAPES)('of a device %j keeps bytes, order and limits', async (dma) => {
    const device = await open(dma)
    const buffer = await device.dma.allocBuffer({ bytes: 8 * PAGE })
    buffer.write(
      0,
      Uint8Array.from({ length: 8 * PAGE }, (_, at) => (at * 7 + (at >> 8)) & 0xff),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { minLength: 1, maxLength: 8 }),
        limits,
        async (parts, set) => {
          // What stands for bytes of a page is a page, which crosses a boundary below it.
          fc.pre(dma.shape !== 'unaligned' || set.boundaryMask >= PAGE - 1)
          device.dma.setSegmentLimits(set)
          const sources = parts.map((each) => ({ source: buffer, ...each }))
          const list = device.dma.map(sources, { direction: 'to-device' })
          try {
            const expected = parts.map(({ offset, bytes }) => buffer.read(offset, bytes))
            expect(Buffer.concat(expected).equals(await read(device, list))).toBe(true)
            for (const { address, bytes } of list.segments) {
              expect(bytes).toBeLessThanOrEqual(set.maxBytes)
              const block = BigInt(set.boundaryMask + 1)
              expect(address / block).toBe((address + BigInt(bytes - 1)) / block)
            }
          } finally {
            list.unmap()
          }
        },
      ),
      { numRuns: 50, seed: 5 },
    )
    expect(control(backend).reports()).toEqual([])
    await buffer.close()
    await device.close()
  })
})

describe('a list', () => {
  it('is mapped whole or not at all, wherever it fails', async () => {
    for (const dma of SHAPES.slice(0, 1)) {
      const device = await open(dma)
      const buffers = await Promise.all(
        [3, 1, 2].map((n) => device.dma.allocBuffer({ bytes: n * PAGE })),
      )
      const map = (): DmaList => device.dma.map(buffers, { direction: 'bidirectional' })
      for (const point of ['iova', 'link'] as const) {
        let failures = 0
        for (let nth = 1; ; nth++, failures++) {
          const before = control(backend).reached()[point]
          control(backend).failNth(point, nth)
          let list: DmaList
          try {
            list = map()
          } catch (error) {
            expect(error).toMatchObject({ code: 'ENOMEM' })
            continue
          }
          expect(control(backend).reached()[point] - before).toBe(nth - 1)
          list.unmap()
          break
        }
        expect(failures).toBe(point === 'iova' ? 1 : 6)
        // What was armed last is still to come.
        expect(map).toThrow('ENOMEM')
      }
      expect(buffers.every((buffer) => buffer.leaks.length === 0)).toBe(true)
      for (const buffer of buffers) await buffer.close()
      await device.close()
      expect(device.leaks).toEqual([])
    }
  })

  it('that failed leaves nothing that the device could reach', async () => {
    // The failing list gets the addresses of the one before it.
    const device = await open({ addressReuse: 'at-once' })
    const buffer = await device.dma.allocBuffer({ bytes: 3 * PAGE })
    const parts = [0, 1, 2].map((page) => ({ source: buffer, offset: page * PAGE, bytes: 1 }))
    const map = (): DmaList => device.dma.map(parts, { direction: 'to-device' })
    const before = map()
    before.unmap()
    control(backend).failNth('link', 3)
    expect(map).toThrow('ENOMEM')
    for (const { address } of before.segments) {
      await expect(device.engine.read(address, 1)).rejects.toMatchObject({ code: 'EFAULT' })
    }
    const after = map()
    expect(after.segments).toEqual(before.segments)
    after.unmap()
  })

  it('undoes the pieces before the one that finds no bounce buffers', async () => {
    const config = {
      sim: { swiotlbBytes: 2 ** 19 },
      devices: { demo: { sim: { dma: { shape: 'swiotlb' } } } },
    }
    backend = await openBackend({ backend: createBackend, config })
    const device = await backend.openDevice('demo')
    const buffer = await device.dma.allocBuffer({ bytes: 2 ** 20 })
    const map = (): DmaList => device.dma.map([buffer], { direction: 'to-device' })
    expect(map).toThrow(expect.objectContaining({ code: 'ENOMEM', retryable: true }))
    const most = device.dma.map([{ source: buffer, bytes: 2 ** 19 }], { direction: 'to-device' })
    expect(most.segments.length).toBe(8)
    most.unmap()
    await buffer.close()
    await device.close()
  })

  it('goes through peers: past the IOMMU as a segment of its own, through the bridge as memory', async () => {
    for (const acsRedirect of [false, true]) {
      const devices = {
        demo: { sim: { dma: { shape: 'peer', pci: { acsRedirect } } } },
        peer: { sim: { dma: { peerPages: 4 } } },
      } as const
      backend = await openBackend({ backend: createBackend, config: { devices } })
      const device = await backend.openDevice('demo')
      const peer = await backend.openDevice('peer')
      const buffer = await device.dma.allocBuffer({ bytes: 2 * PAGE })
      buffer.write(0, new Uint8Array(2 * PAGE).fill(1))
      peer.peerMemory(2).write(0, new Uint8Array(4 * PAGE).fill(2))
      const parts = [
        { source: buffer, bytes: PAGE },
        { source: peer.peerMemory(2), bytes: PAGE },
        { source: buffer, offset: PAGE },
      ]
      const list = device.dma.map(parts, { direction: 'to-device' })
      expect(list.segments.length).toBe(acsRedirect ? 1 : 3)
      expect(list.revocable).toBe(acsRedirect)
      const seen = await read(device, list)
      expect([seen[0], seen[PAGE], seen[2 * PAGE], seen.length]).toEqual([1, 2, 1, 3 * PAGE])
      list.unmap()
      await backend.close()
    }
  })

  it('is refused whole if one peer cannot be reached', async () => {
    const devices = {
      demo: { sim: { dma: { shape: 'peer', pci: { acsRedirect: true, bridgeAllowed: false } } } },
      peer: { sim: { dma: { peerPages: 4 } } },
    } as const
    backend = await openBackend({ backend: createBackend, config: { devices } })
    const device = await backend.openDevice('demo')
    const peer = await backend.openDevice('peer')
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    const map = (): DmaList =>
      device.dma.map([buffer, peer.peerMemory(2)], { direction: 'to-device' })
    expect(map).toThrow(expect.objectContaining({ code: 'EREMOTEIO' }))
    await buffer.close()
    expect(buffer.leaks).toEqual([])
  })

  it('reports what runs out of a segment, and not what goes on in it', async () => {
    const device = await open({ shape: 'iommu' })
    const one = await device.dma.allocBuffer({ bytes: PAGE })
    const two = await device.dma.allocBuffer({ bytes: 100 })
    const list = device.dma.map([one, two], { direction: 'to-device' })
    await device.engine.read(list.at(PAGE - 10), 110)
    expect(control(backend).reportCounts()).toEqual({})
    await device.engine.read(list.at(PAGE - 10), 111)
    expect(control(backend).reportCounts()).toEqual({ 'beyond-mapping': 1 })
    list.unmap()
  })

  it('that was not handed over is reported, by a skipped sync too', async () => {
    const device = await open({ shape: 'iommu' })
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    buffer.write(0, Uint8Array.of(1))
    const attributes = ['skip-cpu-sync'] as const
    const list = device.dma.map([buffer], { direction: 'bidirectional', attributes })
    await device.engine.read(list.at(0), 1)
    expect(control(backend).reportCounts()).toEqual({ 'missing-sync-device': 1 })
    list.sync('device')
    await device.engine.write(list.at(0), Uint8Array.of(2))
    list.unmap()
    buffer.read(0, 1)
    expect(control(backend).reportCounts()).toEqual({
      'missing-sync-device': 1,
      'missing-sync-cpu': 1,
    })
  })
})
