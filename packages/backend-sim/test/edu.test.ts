import { openBackend, type Registers } from '@hmm-sdk/hmm-api'
import { createBackend } from '@hmm-sdk/backend-sim'
import { expect, test } from 'vitest'

const config = { devices: { edu: { sim: { model: 'edu' } } } }

async function open() {
  const backend = await openBackend({ backend: createBackend, config })
  const device = await backend.openDevice('edu')
  return { backend, device, registers: device.registers as Registers }
}

test('edu has its registers: identification, liveness, factorial', async () => {
  const { backend, device, registers } = await open()
  expect(registers.read32(0)).toBe(0x010000ed)
  registers.write32(4, 0x1234_5678)
  expect(registers.read32(4)).toBe(~0x1234_5678 >>> 0)
  let interrupts = 0
  device.interrupts.listen(() => interrupts++)
  registers.write32(0x20, 0x80)
  registers.write32(8, 10)
  expect(registers.read32(0x20) & 1).toBe(1)
  await device.clock.sleep(1)
  expect(registers.read32(8)).toBe(3_628_800)
  expect(registers.read32(0x24)).toBe(1)
  expect(interrupts).toBe(1)
  registers.write32(0x64, 1)
  expect(registers.read32(0x24)).toBe(0)
  await backend.close()
})

test('edu moves bytes by its buffer, 100 ms a transfer, with an interrupt at the end', async () => {
  const { backend, device, registers } = await open()
  device.dma.setMask(28)
  const buffer = await device.dma.allocCoherent({ bytes: 8192 })
  buffer.write(0, Uint8Array.of(1, 2, 3, 4))
  let interrupts = 0
  device.interrupts.listen(() => interrupts++)
  const transfer = async (from: bigint, to: bigint, command: number) => {
    registers.write64(0x80, from)
    registers.write64(0x88, to)
    registers.write64(0x90, 4n)
    registers.write64(0x98, BigInt(command))
    const begin = device.clock.now()
    while ((registers.read64(0x98) & 1n) !== 0n) await device.clock.sleep(1)
    return device.clock.now() - begin
  }
  const took = await transfer(buffer.dmaAddress, 0x40000n, 1)
  expect(took).toBeGreaterThanOrEqual(100)
  await transfer(0x40000n, buffer.dmaAddress + 4096n, 1 | 2 | 4)
  expect([...buffer.read(4096, 4)]).toEqual([1, 2, 3, 4])
  expect(interrupts).toBe(1)
  expect(registers.read32(0x24)).toBe(0x100)
  await backend.close()
})

test('the engine that hmm-api makes of edu reads and writes mirrored memory', async () => {
  const { backend, device } = await open()
  device.dma.setMask(28)
  const space = await backend.createAddressSpace()
  const range = await space.mmap({ pages: 2 })
  await space.write(
    range.at(4090),
    Uint8Array.from({ length: 12 }, (_, i) => i),
  )
  const mirror = await device.mirror(space, range, { invalidate: () => {} })
  const address = await mirror.map(range, { access: 'write' }, (mapping) => mapping.dmaAddress(0))
  const bytes = await device.engine.read((address + 4090n) as typeof address, 12)
  expect([...bytes]).toEqual([...Array(12).keys()])
  await space.munmap(range)
  await expect(device.engine.read(address, 4)).rejects.toMatchObject({ code: 'EFAULT' })
  await backend.close()
})

test('a mask that is refused may be followed by the next one, as drivers do', async () => {
  const { backend, device } = await open()
  expect(() => device.dma.setMask(1)).toThrow(expect.objectContaining({ code: 'EIO' }))
  device.dma.setMask(28)
  expect(() => device.dma.setMask(1)).toThrow(expect.objectContaining({ code: 'EIO' }))
  await Promise.resolve()
  device.dma.setMask(32)
  const buffer = await device.dma.allocBuffer({ bytes: 4096 })
  const mapping = device.dma.map(buffer, { direction: 'to-device' })
  expect(await device.engine.read(mapping.address, 1)).toEqual(Uint8Array.of(0))
  mapping.unmap()
  await buffer.close()
  await device.close()
  await backend.close()
})
