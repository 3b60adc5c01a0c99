import { openBackend, type Backend, type Device, type PeerMemory } from '@hmm-sdk/hmm-api'
import { control, createBackend, type SimDmaOptions } from '@hmm-sdk/backend-sim'
import { afterEach, describe, expect, it } from 'vitest'

let backend: Backend

type Pci = NonNullable<SimDmaOptions['pci']>

async function open(
  client: Pci,
  provider: Pci,
  dma: SimDmaOptions = {},
): Promise<{ device: Device; peer: Device; memory: PeerMemory }> {
  const devices = {
    client: { sim: { dma: { shape: 'peer', ...dma, pci: client } } },
    provider: { sim: { dma: { peerPages: 4, pci: provider } } },
  }
  backend = await openBackend({ backend: createBackend, config: { devices } })
  const device = await backend.openDevice('client')
  const peer = await backend.openDevice('provider')
  return { device, peer, memory: peer.peerMemory(2) }
}

afterEach(async () => {
  await backend.close()
  expect(backend.report().leaks.filter(({ kind }) => /page|iova/.test(kind))).toEqual([])
})

const NO_BRIDGE = { bridgeAllowed: false }
/** As Xeons before Skylake. */
const OWN_PEERS = { bridgeAllowed: 'same-bridge' } as const

describe('the route to a peer', () => {
  it.each<[string, Pci, Pci, string]>([
    ['the same switch', {}, {}, 'bus-address'],
    ['the same switch of a bridge that does not matter', NO_BRIDGE, NO_BRIDGE, 'bus-address'],
    ['ACS of the client', { acsRedirect: true }, {}, 'host-bridge'],
    ['ACS of the provider', {}, { acsRedirect: true }, 'host-bridge'],
    ['another switch', { switch: 'a' }, { switch: 'b' }, 'host-bridge'],
    ['no switch', { switch: '' }, { switch: '' }, 'host-bridge'],
    ['another bridge', {}, { hostBridge: 'b' }, 'host-bridge'],
    ['ACS below a bridge not allowed', { acsRedirect: true, ...NO_BRIDGE }, {}, 'unsupported'],
    ['a provider below such a bridge', {}, { hostBridge: 'b', ...NO_BRIDGE }, 'unsupported'],
    ['below one bridge for its own', { switch: '', ...OWN_PEERS }, OWN_PEERS, 'host-bridge'],
    ['between two such bridges', OWN_PEERS, { hostBridge: 'b', ...OWN_PEERS }, 'unsupported'],
    ['from such a bridge to another', OWN_PEERS, { hostBridge: 'b' }, 'unsupported'],
    ['from another to such a bridge', {}, { hostBridge: 'b', ...OWN_PEERS }, 'unsupported'],
    ['a switch of two bridges is two', { hostBridge: 'a' }, { hostBridge: 'b' }, 'host-bridge'],
  ])('%s', async (_name, client, provider, kind) => {
    const { device, memory } = await open(client, provider)
    expect(device.dma.peerRoute(memory).kind).toBe(kind)
    const map = () => device.dma.map(memory, { direction: 'bidirectional' })
    if (kind === 'unsupported') {
      expect(map).toThrow(expect.objectContaining({ code: 'EREMOTEIO' }))
      return
    }
    const mapping = map()
    expect(mapping.revocable).toBe(kind === 'host-bridge')
    await device.engine.write(mapping.address, Uint8Array.of(4))
    expect([...memory.read(0, 1)]).toEqual([4])
    mapping.unmap()
    const late = device.engine.read(mapping.address, 1)
    if (kind === 'host-bridge') await expect(late).rejects.toMatchObject({ code: 'EFAULT' })
    else expect([...(await late)]).toEqual([4])
    expect(control(backend).reportCounts()).toEqual({ 'use-after-unmap': 1 })
  })
})

describe('peer memory', () => {
  it('is out of reach of who has no mapping', async () => {
    const { device, peer, memory } = await open({}, {})
    const { address } = device.dma.map(memory, { direction: 'bidirectional' })
    await expect(peer.engine.read(address, 1)).rejects.toMatchObject({ code: 'EFAULT' })
  })

  it('is its own by bus address, whatever is above it', async () => {
    const { device } = await open({ acsRedirect: true, bridgeAllowed: false }, {})
    expect(device.dma.peerRoute(device.peerMemory(2)).kind).toBe('bus-address')
  })

  it('is not written through a mapping for reading', async () => {
    const { device, memory } = await open({ acsRedirect: true }, {})
    const { address } = device.dma.map(memory, { direction: 'to-device' })
    await device.engine.read(address, 1)
    const write = device.engine.write(address, Uint8Array.of(1))
    await expect(write).rejects.toMatchObject({ code: 'EFAULT' })
    expect(control(backend).reportCounts()).toEqual({ 'wrong-direction': 1 })
  })

  it('takes a capability', async () => {
    const { device, peer } = await open({}, {})
    expect(() => peer.dma.peerRoute(device.peerMemory(2))).toThrow(
      expect.objectContaining({ code: 'EOPNOTSUPP' }),
    )
  })

  it('goes through a mapping that its device may be slow to forget', async () => {
    const { device, memory } = await open({ acsRedirect: true }, {}, { flush: 'lazy' })
    const mapping = device.dma.map(memory, { direction: 'bidirectional' })
    expect(mapping.revocable).toBe(false)
  })

  it('options are checked', async () => {
    await expect(open({ acsRedirect: 1 as never }, {})).rejects.toThrow('acsRedirect is a boolean')
    await expect(open({ bridgeAllowed: 'no' as never }, {})).rejects.toThrow('bridgeAllowed is a')
    await expect(open({ slot: 1 } as never, {})).rejects.toThrow("unknown option 'slot'")
  })
})
