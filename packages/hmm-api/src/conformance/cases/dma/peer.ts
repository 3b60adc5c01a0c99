import { equal, ok, rejects, throws } from '../../harness/check.js'
import { caseGroup, needing } from '../../harness/case.js'
import type { Scene } from '../../harness/scene.js'

export const description = `
The memory of a peer device: whether and how it is reached is known before it is mapped. Mapped, the
device reads and writes it; a bus address passes by the IOMMU and says that it is not revocable. The
peer is the device \`demo\` once more, or \`peer\` of the config where a device opens exclusively.`

async function peer(t: Scene) {
  const device = await t.openPeer()
  return device.peerMemory(device.capabilities.require('dma.peer')['bar'] as number)
}

export const group = caseGroup('dma/peer', ['dma.peer', 'engine'], {
  'route-before-mapping': async (t) => {
    const memory = await peer(t)
    const route = t.device.dma.peerRoute(memory)
    equal(t.device.dma.peerRoute(memory), route, 'the same when asked again')
    if (route.kind === 'unsupported') {
      const map = () => t.device.dma.map(memory, { direction: 'to-device' })
      ok(throws('EREMOTEIO', map).message.includes(route.reason), 'the error has the reason')
      return
    }
    const mapping = t.own(t.device.dma.map(memory, { direction: 'to-device' }))
    if (route.kind === 'bus-address') equal(mapping.revocable, false, 'revocable')
  },

  'write-and-read': async (t) => {
    const memory = await peer(t)
    if (t.device.dma.peerRoute(memory).kind === 'unsupported') return
    const mapping = t.own(t.device.dma.map(memory, { direction: 'bidirectional' }))
    equal(mapping.bytes, memory.bytes, 'all of it is mapped')
    await t.device.engine.write(mapping.dmaAddress(1), Uint8Array.of(7, 8))
    equal(memory.read(t.pageSize, 2), [7, 8], 'what the CPU sees')
    memory.write(t.pageSize, Uint8Array.of(9))
    equal(await t.device.engine.read(mapping.dmaAddress(1), 2), [9, 8], 'what the device sees')
  },

  'part-of-it': async (t) => {
    const memory = await peer(t)
    if (t.device.dma.peerRoute(memory).kind === 'unsupported') return
    const options = { direction: 'bidirectional', offset: t.pageSize + 8, bytes: 8 } as const
    const mapping = t.own(t.device.dma.map(memory, options))
    await t.device.engine.write(mapping.address, Uint8Array.of(5))
    equal(memory.read(t.pageSize + 8, 1), [5])
    throws(RangeError, () => t.device.dma.map(memory, { ...options, bytes: memory.bytes }))
  },

  'its-own-memory': async (t) => {
    const memory = await peer(t)
    equal(memory.device.dma.peerRoute(memory), { kind: 'bus-address' })
    const mapping = t.own(memory.device.dma.map(memory, { direction: 'to-device' }))
    equal(mapping.revocable, false, 'revocable')
  },

  'as-part-of-a-list': needing(['dma.list'], async (t) => {
    const memory = await peer(t)
    const buffer = t.own(await t.device.dma.allocBuffer({ bytes: t.pageSize }))
    const parts = [buffer, { source: memory, offset: t.pageSize, bytes: t.pageSize }]
    const map = () => t.device.dma.map(parts, { direction: 'bidirectional' })
    const route = t.device.dma.peerRoute(memory)
    if (route.kind === 'unsupported') {
      ok(throws('EREMOTEIO', map).message.includes(route.reason), 'the error has the reason')
      return
    }
    const list = t.own(map())
    equal(list.bytes, 2 * t.pageSize, 'all of it is mapped')
    if (route.kind === 'bus-address') equal(list.revocable, false, 'revocable')
    await t.device.engine.write(list.at(t.pageSize + 8), Uint8Array.of(6))
    equal(memory.read(t.pageSize + 8, 1), [6], 'what the device wrote')
  }),

  'closing-the-peer-ends-it': async (t) => {
    const memory = await peer(t)
    if (t.device.dma.peerRoute(memory).kind === 'unsupported') return
    const { address } = t.device.dma.map(memory, { direction: 'bidirectional' })
    await memory.device.close()
    await rejects('EFAULT', t.device.engine.read(address, 1), 'a device read')
    throws('EBADF', () => memory.read(0, 1), 'a CPU read')
    throws('EBADF', () => t.device.dma.peerRoute(memory), 'the route')
  },

  'closing-the-peer-ends-lists': needing(['dma.list'], async (t) => {
    const memory = await peer(t)
    if (t.device.dma.peerRoute(memory).kind === 'unsupported') return
    const list = t.device.dma.map([memory], { direction: 'bidirectional' })
    const { address } = list.segments[0]!
    await memory.device.close()
    equal(list.status, 'closed', 'the list')
    equal(
      memory.device.leaks.map(({ kind }) => kind),
      ['dma-list'],
      'what leaked',
    )
    await rejects('EFAULT', t.device.engine.read(address, 1), 'a device read')
  }),

  'bar-without-memory': async (t) => {
    const memory = t.device.peerMemory(5)
    equal(memory.bytes, 0, 'its size')
    throws('EOPNOTSUPP', () => t.device.dma.map(memory, { direction: 'to-device' }))
  },
})
