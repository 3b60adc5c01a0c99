import { equal, rejects, throws } from '../../harness/check.js'
import { caseGroup } from '../../harness/case.js'
import type { DmaAddress } from '../../../address/address.js'

export const description = `
A coherent buffer is memory and mapping in one: device and CPU see the same bytes without sync, from
the allocation (zeroed) to the close.`

export const group = caseGroup('dma/coherent', ['dma.coherent', 'engine'], {
  zeroed: async (t) => {
    const buffer = t.own(await t.device.dma.allocCoherent({ bytes: 64 }))
    equal(buffer.read(0, 64), new Uint8Array(64), 'what the CPU reads')
    equal(await t.device.engine.read(buffer.dmaAddress, 64), new Uint8Array(64), 'the device')
  },

  'device-sees-the-cpu': async (t) => {
    const buffer = t.own(await t.device.dma.allocCoherent({ bytes: 64 }))
    buffer.write(8, Uint8Array.of(1, 2, 3))
    const address = (buffer.dmaAddress + 8n) as DmaAddress
    equal(await t.device.engine.read(address, 3), [1, 2, 3])
  },

  'cpu-sees-the-device': async (t) => {
    const buffer = t.own(await t.device.dma.allocCoherent({ bytes: 64 }))
    await t.device.engine.write((buffer.dmaAddress + 61n) as DmaAddress, Uint8Array.of(4, 5, 6))
    equal(buffer.read(61, 3), [4, 5, 6])
  },

  'several-pages': async (t) => {
    const bytes = 3 * t.pageSize
    const buffer = t.own(await t.device.dma.allocCoherent({ bytes }))
    const last = (buffer.dmaAddress + BigInt(bytes - 1)) as DmaAddress
    await t.device.engine.write(last, Uint8Array.of(7))
    equal(buffer.read(bytes - 1, 1), [7])
  },

  'closed-is-unreachable': async (t) => {
    const buffer = await t.device.dma.allocCoherent({ bytes: 64 })
    const address = buffer.dmaAddress
    await buffer.close()
    await rejects('EFAULT', t.device.engine.read(address, 1), 'a device read')
    throws('EBADF', () => buffer.read(0, 1), 'a CPU read')
  },

  'outside-the-buffer': async (t) => {
    const buffer = t.own(await t.device.dma.allocCoherent({ bytes: 64 }))
    throws(RangeError, () => buffer.read(60, 5), 'reading beyond the end')
    throws(RangeError, () => buffer.write(64, Uint8Array.of(1)), 'writing beyond the end')
    throws(RangeError, () => buffer.read(-1, 1), 'reading before the start')
    equal(buffer.read(60, 4).length, 4, 'reading up to the end')
  },
})
