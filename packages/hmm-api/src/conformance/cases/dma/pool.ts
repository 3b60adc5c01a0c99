import { equal, ok, rejects, throws } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'

export const description = `
Pools cut coherent memory into small blocks: zeroed, aligned, across no boundary, none on top of another.
A block that is given back is handed out again; a pool is closed after its blocks.`

export const group = caseGroup('dma/pool', ['dma.coherent', 'engine'], {
  'device-and-cpu-see-alike': async (t) => {
    const pool = t.own(t.device.dma.createPool({ bytes: 64 }))
    const block = t.own(await pool.alloc())
    equal(block.read(0, 64), new Uint8Array(64), 'zeroed')
    block.write(8, Uint8Array.of(1, 2))
    equal((await t.device.engine.read(block.dmaAddress, 10)).slice(8), [1, 2], 'the device')
    await t.device.engine.write(block.dmaAddress, Uint8Array.of(3))
    equal(block.read(0, 1), [3], 'the CPU')
  },

  'blocks-lie-apart': async (t) => {
    const pool = t.own(t.device.dma.createPool({ bytes: 24, align: 32 }))
    const count = Math.ceil(t.pageSize / 32) + 5
    const addresses: bigint[] = []
    for (let i = 0; i < count; i++) addresses.push(t.own(await pool.alloc()).dmaAddress)
    ok(
      addresses.every((address) => address % 32n === 0n),
      'all are aligned',
    )
    addresses.sort((a, b) => (a < b ? -1 : 1))
    ok(
      addresses.every((address, index) => index === 0 || address - addresses[index - 1]! >= 32n),
      'none is on top of another',
    )
  },

  boundary: async (t) => {
    const pool = t.own(t.device.dma.createPool({ bytes: 96, boundary: 256 }))
    for (let i = 0; i < 8; i++) {
      const { dmaAddress } = t.own(await pool.alloc())
      equal(dmaAddress / 256n, (dmaAddress + 95n) / 256n, 'the block of its ends')
    }
  },

  'larger-than-a-page': async (t) => {
    const pool = t.own(t.device.dma.createPool({ bytes: t.pageSize + 8 }))
    const block = t.own(await pool.alloc())
    block.write(t.pageSize, Uint8Array.of(6))
    equal(block.read(t.pageSize, 1), [6])
    throws(RangeError, () => block.read(t.pageSize, 9), 'reading beyond the end')
  },

  'freed-is-handed-out-again': async (t) => {
    const pool = t.own(t.device.dma.createPool({ bytes: 64 }))
    const first = await pool.alloc()
    const { dmaAddress } = first
    first.write(0, Uint8Array.of(9))
    first.free()
    const again = t.own(await pool.alloc())
    equal(again.dmaAddress, dmaAddress, 'where it is')
    equal(again.read(0, 1), [0], 'zeroed')
    throws('EBADF', () => first.read(0, 1), 'the CPU uses the freed one')
  },

  'free-twice': async (t) => {
    const pool = t.own(t.device.dma.createPool({ bytes: 64 }))
    const block = await pool.alloc()
    block.free()
    throws('EINVAL', () => block.free())
  },

  'closing-with-blocks': async (t) => {
    const pool = t.device.dma.createPool({ bytes: 64 })
    const { dmaAddress } = await pool.alloc()
    await pool.close()
    equal(
      pool.leaks.map(({ kind }) => kind),
      ['dma-pool-block'],
      'what leaked',
    )
    await rejects('EFAULT', t.device.engine.read(dmaAddress, 1), 'a device read')
    await rejects('EBADF', pool.alloc(), 'another block')
  },

  'freed-and-used': needing(['dma.checker'], async (t) => {
    const pool = t.own(t.device.dma.createPool({ bytes: 64 }))
    const block = await pool.alloc()
    block.free()
    const checks: string[] = []
    const stop = t.backend.trace((event) => {
      if (event.type === 'misuse') checks.push(event.check)
    })
    await t.device.engine.read(block.dmaAddress, 1).catch(() => undefined)
    stop()
    equal(checks, ['pool-use-after-free'])
  }),

  'bad-options': async (t) => {
    const create = (options: object) => () => t.device.dma.createPool(options as { bytes: number })
    throws(TypeError, create({ bytes: 0 }), 'no bytes')
    throws(TypeError, create({ bytes: 8, align: 3 }), 'an alignment of 3')
    throws(TypeError, create({ bytes: 100, boundary: 64 }), 'a boundary below the block')
  },
})
