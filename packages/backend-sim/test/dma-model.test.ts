import { openBackend, type Backend, type Device } from '@hmm-sdk/hmm-api'
import {
  control,
  createBackend,
  type SimDmaOptions,
  type SimulationOptions,
} from '@hmm-sdk/backend-sim'
import { afterEach, describe, expect, it } from 'vitest'

const PAGE = 4096
let backend: Backend

async function open(dma: SimDmaOptions, sim: SimulationOptions = {}): Promise<Device> {
  const config = { sim, devices: { demo: { sim: { dma } } } }
  backend = await openBackend({ backend: createBackend, config })
  return backend.openDevice('demo')
}

afterEach(async () => {
  await backend.close()
  expect(backend.report().leaks.filter(({ kind }) => /page|iova/.test(kind))).toEqual([])
})

describe('swiotlb', () => {
  it('fails when the pool is full, and goes on when a mapping is gone', async () => {
    const device = await open({ shape: 'swiotlb' }, { swiotlbBytes: 2 ** 19 })
    const buffer = await device.dma.allocBuffer({ bytes: 2 ** 18 })
    const first = device.dma.map(buffer, { direction: 'to-device' })
    device.dma.map(buffer, { direction: 'to-device' })
    const map = () => device.dma.map(buffer, { direction: 'to-device', bytes: 1 })
    expect(map).toThrow(expect.objectContaining({ code: 'ENOMEM', retryable: true }))
    first.unmap()
    map()
    await device.close()
  })

  it('bounces only what the mask does not reach, if told so', async () => {
    const base = { physicalBasePage: 2 ** 20 }
    const device = await open({ shape: 'swiotlb', bounce: 'beyond-mask' }, base)
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    const far = device.dma.map(buffer, { direction: 'to-device' })
    expect(far.address).toBeLessThan(2n ** 32n)
    far.unmap()
    device.dma.setMask(64)
    const near = device.dma.map(buffer, { direction: 'to-device' })
    expect(near.address).toBeGreaterThan(2n ** 32n)
    buffer.write(0, Uint8Array.of(5))
    expect([...(await device.engine.read(near.address, 1))]).toEqual([5])
    near.unmap()
    await buffer.close()
    await device.close()
  })

  it('without bounce buffers such memory is out of reach', async () => {
    const device = await open({ shape: 'direct' }, { physicalBasePage: 2 ** 20 })
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    const map = () => device.dma.map(buffer, { direction: 'to-device' })
    expect(map).toThrow(expect.objectContaining({ code: 'EIO' }))
    await device.close()
  })

  it.each([0, 0xff, 0x7ff, 0xfff])('keeps the address bits of mask %i', async (minAlignMask) => {
    const device = await open({ shape: 'swiotlb', minAlignMask })
    expect(device.dma.limits.maxMappingBytes).toBe(2 ** 18 - Math.ceil(minAlignMask / 2048) * 2048)
    const buffer = await device.dma.allocBuffer({ bytes: 4 * PAGE })
    for (const offset of [0, 1, 255, 2047, 2049, 4095, 5000]) {
      const options = { direction: 'bidirectional', offset, bytes: 3000 } as const
      buffer.write(offset, new Uint8Array(3000).fill(7))
      const mapping = device.dma.map(buffer, options)
      const low = BigInt(minAlignMask)
      expect(mapping.address & low).toBe(BigInt(offset) & low)
      expect([...(await device.engine.read(mapping.address, 3000))]).toEqual(Array(3000).fill(7))
      mapping.unmap()
    }
    await buffer.close()
    await device.close()
  })

  it('keeps a mapping in one segment of 128 slots', async () => {
    const device = await open({ shape: 'swiotlb' }, { swiotlbBytes: 2 ** 19 })
    const buffer = await device.dma.allocBuffer({ bytes: 2 ** 18 })
    const map = (bytes: number) => device.dma.map(buffer, { direction: 'to-device', bytes })
    const half = map(2 ** 17)
    map(2 ** 18)
    half.unmap()
    // The whole first segment is free only if the second mapping took nothing of it.
    map(2 ** 18)
    await device.close()
  })

  it('is given as many bytes by a sync as were asked for', async () => {
    const device = await open({ shape: 'swiotlb' })
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    const mapping = device.dma.map(buffer, { direction: 'to-device' })
    buffer.write(0, Uint8Array.of(1, 2, 3))
    mapping.sync('device', 1, 1)
    expect([...(await device.engine.read(mapping.address, 3))]).toEqual([0, 2, 0])
    mapping.unmap()
  })

  it('gives back every slot', async () => {
    const device = await open({ shape: 'swiotlb', minAlignMask: 4095 }, { swiotlbBytes: 2 ** 18 })
    const buffer = await device.dma.allocBuffer({ bytes: 2 ** 18 })
    const { maxMappingBytes: bytes } = device.dma.limits
    for (let i = 0; i < 100; i++) {
      const offset = (i * 37) % 4096
      device.dma.map(buffer, { direction: 'to-device', offset, bytes: 1 + i * 50 }).unmap()
    }
    device.dma.map(buffer, { direction: 'to-device', bytes }).unmap()
    await buffer.close()
    await device.close()
  })
})

describe('a device that is not coherent', () => {
  it.each([
    { attributes: [], seen: 9 },
    { attributes: ['skip-cpu-sync'] as const, seen: 0 },
  ])('$attributes: sees $seen beside what it has already', async ({ attributes, seen }) => {
    const device = await open({ coherent: false })
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    const first = device.dma.map(buffer, { direction: 'to-device', bytes: 64 })
    // In the cache of the CPU since then.
    buffer.write(128, Uint8Array.of(9))
    const options = { direction: 'to-device', offset: 128, bytes: 64, attributes } as const
    const second = device.dma.map(buffer, options)
    expect([...(await device.engine.read(second.address, 1))]).toEqual([seen])
    second.sync('device')
    expect([...(await device.engine.read(second.address, 1))]).toEqual([9])
    for (const each of [first, second]) each.unmap()
  })
})

describe('untrusted devices', () => {
  it('see nothing but the mapped bytes', async () => {
    const device = await open({ shape: 'unaligned' }, { swiotlbBytes: 64 * PAGE })
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    buffer.write(0, new Uint8Array(PAGE).fill(0x55))
    // Nor what others had in the bounce buffer.
    const others = { direction: 'to-device', bytes: PAGE - 1 } as const
    for (let page = 0; page < 64; page++) device.dma.map(buffer, others).unmap()
    const part = device.dma.map(buffer, { direction: 'to-device', offset: 100, bytes: 10 })
    const page = part.address & ~0xfffn
    const seen = await device.engine.read(page as typeof part.address, PAGE)
    expect(seen.filter((byte) => byte === 0x55).length).toBe(10)
    expect(seen.filter((byte) => byte === 0).length).toBe(PAGE - 10)
    part.unmap()
    await expect(device.engine.read(part.address, 1)).rejects.toMatchObject({ code: 'EFAULT' })
  })

  it('are given whole pages as they are', async () => {
    const device = await open({ shape: 'unaligned' })
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    const whole = device.dma.map(buffer, { direction: 'bidirectional' })
    buffer.write(0, Uint8Array.of(9))
    expect([...(await device.engine.read(whole.address, 1))]).toEqual([9])
  })
})

describe('lazy IOMMU', () => {
  async function stale(): Promise<{ device: Device; address: bigint; use: () => Promise<void> }> {
    const device = await open({ flush: 'lazy' })
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    const mapping = device.dma.map(buffer, { direction: 'bidirectional' })
    await device.engine.write(mapping.address, Uint8Array.of(1))
    const { address } = mapping
    mapping.unmap()
    return { device, address, use: () => device.engine.write(address, Uint8Array.of(2)) }
  }

  it('lets the device reach what it has used, until the flush', async () => {
    const { use } = await stale()
    await use()
    expect(control(backend).reportCounts()).toEqual({ 'stale-translation': 1 })
    control(backend).flushIommu()
    await expect(use()).rejects.toMatchObject({ code: 'EFAULT' })
  })

  it('flushes after 10 ms', async () => {
    const { use } = await stale()
    control(backend).advance(9)
    await use()
    control(backend).advance(2)
    await expect(use()).rejects.toMatchObject({ code: 'EFAULT' })
  })

  it('flushes when 256 unmaps wait, and hands the addresses out again', async () => {
    const { device, address, use } = await stale()
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    const map = () => device.dma.map(buffer, { direction: 'to-device' })
    const before = map()
    expect(before.address).not.toBe(address)
    before.unmap()
    for (let i = 0; i < 254; i++) map().unmap()
    await expect(use()).rejects.toMatchObject({ code: 'EFAULT' })
    const seen = new Set<bigint>()
    for (let i = 0; i < 256; i++) seen.add(map().address)
    expect(seen.has(address)).toBe(true)
  })

  it('corrupts memory that was given to somebody else meanwhile', async () => {
    const device = await open({ flush: 'lazy' })
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    const mapping = device.dma.map(buffer, { direction: 'bidirectional' })
    await device.engine.write(mapping.address, Uint8Array.of(1))
    mapping.unmap()
    await buffer.close()
    const late = () => device.engine.write(mapping.address, Uint8Array.of(0x66))
    await expect(late()).rejects.toMatchObject({ code: 'EFAULT' })
    const other = await device.dma.allocBuffer({ bytes: PAGE })
    await late()
    expect([...other.read(0, 1)]).toEqual([0x66])
  })
})

describe('a window', () => {
  const LINK = { at: 0, direction: 'to-device' } as const

  it('is linked whole or not at all, wherever the IOMMU has no memory', async () => {
    const device = await open({})
    const buffer = await device.dma.allocBuffer({ bytes: 3 * PAGE })
    await using window = await device.dma.openWindow({ pages: 3 })
    for (const nth of [1, 2, 3]) {
      control(backend).failNth('link', nth)
      const link = () => window.link(buffer, LINK)
      expect(link).toThrow(expect.objectContaining({ code: 'ENOMEM', page: nth - 1 }))
      expect(() => window.sync()).toThrow(expect.objectContaining({ code: 'EINVAL' }))
      const used = device.engine.read(window.dmaAddress(0), 1)
      await expect(used).rejects.toThrow('not-mapped')
    }
    window.link(buffer, LINK)
    window.sync()
    await device.engine.read(window.dmaAddress(0), 3 * PAGE)
  })

  it('is synchronised as far as it was asked for', async () => {
    const device = await open({})
    const buffer = await device.dma.allocBuffer({ bytes: 3 * PAGE })
    await using window = await device.dma.openWindow({ pages: 3 })
    window.link(buffer, LINK)
    window.sync(1, 1)
    await device.engine.read(window.dmaAddress(1), 1)
    for (const page of [0, 2]) {
      const used = device.engine.read(window.dmaAddress(page), 1)
      await expect(used).rejects.toThrow('not-synced')
    }
  })
})

describe('IOVA', () => {
  it('is aligned to its size, rounded up', async () => {
    const device = await open({})
    const buffer = await device.dma.allocBuffer({ bytes: 16 * PAGE })
    for (const pages of [1, 2, 3, 5, 8, 16]) {
      const mapping = device.dma.map(buffer, { direction: 'to-device', bytes: pages * PAGE })
      const align = BigInt(PAGE * 2 ** Math.ceil(Math.log2(pages)))
      expect(mapping.address % align).toBe(0n)
    }
  })

  it('ends at the mask, and an unmap makes room', async () => {
    const device = await open({})
    device.dma.setMask(24)
    const buffer = await device.dma.allocBuffer({ bytes: 1024 * PAGE })
    const map = () => device.dma.map(buffer, { direction: 'to-device' })
    const mappings = [map(), map(), map()]
    for (const { address } of mappings) expect(address).toBeLessThan(2n ** 24n)
    // Page 0 is never handed out, so the fourth block of 1024 pages is not whole.
    expect(map).toThrow(expect.objectContaining({ code: 'ENOMEM' }))
    mappings[1]!.unmap()
    expect(map().address).toBe(mappings[1]!.address)
  })

  it('is not used again for long, otherwise: a late device faults', async () => {
    const device = await open({})
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    const map = () => device.dma.map(buffer, { direction: 'to-device' })
    const first = map()
    first.unmap()
    for (let others = 0; others < 250; others++) {
      const other = map()
      expect(other.address).not.toBe(first.address)
      other.unmap()
    }
    await expect(device.engine.read(first.address, 1)).rejects.toMatchObject({ code: 'EFAULT' })
  })

  it('finds room for a block where smaller ones were, when nothing else is left', async () => {
    const device = await open({})
    device.dma.setMask(24)
    const buffer = await device.dma.allocBuffer({ bytes: 1024 * PAGE })
    const map = (pages: number) =>
      device.dma.map(buffer, { direction: 'to-device', bytes: pages * PAGE })
    // Four blocks of 1024 pages are all there is, but for page 0.
    const [one, two] = [map(1024), map(1024)]
    const small = Array.from({ length: 16 }, () => map(64))
    expect(() => map(1024)).toThrow(expect.objectContaining({ code: 'ENOMEM' }))
    for (const each of small) each.unmap()
    const three = map(1024)
    expect(three.address).toBeLessThan(two.address)
    for (const each of [one, two, three]) each.unmap()
  })

  it('is used again at once, if told so: a late device then meets somebody else', async () => {
    const device = await open({ addressReuse: 'at-once' })
    const [one, two] = [
      await device.dma.allocBuffer({ bytes: PAGE }),
      await device.dma.allocBuffer({ bytes: PAGE }),
    ]
    const first = device.dma.map(one, { direction: 'bidirectional' })
    expect(first.revocable).toBe(false)
    first.unmap()
    const second = device.dma.map(two, { direction: 'bidirectional' })
    expect(second.address).toBe(first.address)
    await device.engine.write(first.address, Uint8Array.of(3))
    second.sync('cpu')
    expect([...two.read(0, 1)]).toEqual([3])
  })
})

describe('the mask', () => {
  it('stays while anything is mapped, also a coherent buffer', async () => {
    const device = await open({})
    const buffer = await device.dma.allocCoherent({ bytes: PAGE })
    const set = () => device.dma.setMask(30)
    expect(set).toThrow(expect.objectContaining({ code: 'EBUSY' }))
    await buffer.close()
    set()
  })
})

describe('a mask that is set while addresses wait for the flush', () => {
  it('keeps those beyond it from coming back, and gives them back when it is wide again', async () => {
    const device = await open({ flush: 'lazy' })
    const buffer = await device.dma.allocBuffer({ bytes: PAGE })
    const map = () => device.dma.map(buffer, { direction: 'to-device' })
    const wide = map()
    wide.unmap()
    device.dma.setMask(24)
    control(backend).flushIommu()
    const narrow = [map(), map()]
    for (const { address } of narrow) expect(address).toBeLessThan(2n ** 24n)
    for (const mapping of narrow) mapping.unmap()
    device.dma.setMask(32)
    control(backend).flushIommu()
    const seen = Array.from({ length: 3 }, () => map().address)
    expect(seen).toContain(wide.address)
  })
})

describe('options', () => {
  it.each([
    [{ shape: 'none' }, /shape 'none' is unknown/],
    [{ flush: 'lazy', shape: 'direct' }, /nothing to flush/],
    [{ minAlignMask: 5 }, /power of two/],
    [{ coherent: 1 }, /true or false/],
    [{ slots: 1 }, /unknown option 'slots'/],
  ])('%j is refused', async (dma, message) => {
    await expect(open(dma as SimDmaOptions)).rejects.toThrow(message)
  })
})
