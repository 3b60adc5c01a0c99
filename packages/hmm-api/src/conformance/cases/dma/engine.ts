import { equal, ok, rejects } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import { dmaAddress, type DmaAddress } from '../../../address/address.js'

export const description = `
The engine reaches memory by DMA address only: what is not mapped faults with EFAULT, is reported, and
touches nothing; an access that begins in a mapping and runs out of it fails.`

export const group = caseGroup('dma/engine', ['engine', 'dma.coherent'], {
  'nothing-mapped': async (t) => {
    await rejects('EFAULT', t.device.engine.read(dmaAddress(0n), 1), 'a read')
    await rejects('EFAULT', t.device.engine.write(dmaAddress(0n), Uint8Array.of(1)), 'a write')
  },

  'cpu-addresses-are-no-dma-addresses': needing(['mirror'], async (t) => {
    const range = await t.mmap(1)
    await t.poke(range, 0, 7)
    const address = range.start as bigint as DmaAddress
    await rejects('EFAULT', t.device.engine.write(address, Uint8Array.of(9)))
    equal(await t.peek(range, 0), 7)
  }),

  'out-of-a-mapping': needing(['mirror', 'dma.mirror'], async (t) => {
    const range = await t.mmap(2)
    await t.fill(range, 1)
    const pages = await (await t.watch(range.page(0))).map('read')
    const { engine } = t.device
    equal((await engine.read(pages.address(0, t.pageSize - 2), 2)).length, 2, 'up to the end')
    await rejects('EFAULT', engine.read(pages.address(0, t.pageSize - 2), 4), 'beyond the end')
  }),

  'across-pages': async (t) => {
    const buffer = t.own(await t.device.dma.allocCoherent({ bytes: 2 * t.pageSize }))
    buffer.write(t.pageSize - 2, Uint8Array.of(1, 2, 3, 4))
    const address = dmaAddress(buffer.dmaAddress + BigInt(t.pageSize - 2))
    equal(await t.device.engine.read(address, 4), [1, 2, 3, 4])
  },

  copy: async (t) => {
    const bytes = 2 * t.pageSize
    const from = t.own(await t.device.dma.allocCoherent({ bytes }))
    const to = t.own(await t.device.dma.allocCoherent({ bytes }))
    from.write(0, new Uint8Array(bytes).fill(6))
    await t.device.engine.copy(from.dmaAddress, to.dmaAddress, bytes)
    equal(to.read(bytes - 2, 2), [6, 6])
  },

  'too-long': async (t) => {
    const { engine } = t.device
    // No API call moves more than 1 GiB, whatever the engine could do.
    const expected = engine.maxBytes < 2 ** 30 ? 'EINVAL' : TypeError
    await rejects(expected, () => engine.read(dmaAddress(0n), engine.maxBytes + 1))
  },

  'no-bytes': async (t) => {
    await rejects(TypeError, () => t.device.engine.read(dmaAddress(0n), 0), 'a read')
    await rejects(TypeError, () => t.device.engine.write(dmaAddress(0n), new Uint8Array()), 'write')
  },

  'faults-are-reported': needing(['deviceFault.exact'], async (t) => {
    const reported = t.device.sync.completion('device-fault')
    const stop = t.backend.trace((event) => {
      if (event.type === 'device-fault') reported.complete()
    })
    const before = t.backend.counters().deviceFaults
    await rejects('EFAULT', t.device.engine.read(dmaAddress(0n), 1))
    await reported.wait()
    stop()
    ok(t.backend.counters().deviceFaults > before, 'the fault is counted')
  }),
})
