import { openBackend, type Backend, type Device, type MisuseSites } from '@hmm-sdk/hmm-api'
import { createBackend, type SimDmaOptions, type SimulationOptions } from '@hmm-sdk/backend-sim'
import { expect, it } from 'vitest'

const PAGE = 4096

async function open(
  sim: SimulationOptions,
  dma: SimDmaOptions = {},
): Promise<{ backend: Backend; device: Device }> {
  const config = { sim, devices: { demo: { sim: { dma } } } }
  const backend = await openBackend({ backend: createBackend, config })
  return { backend, device: await backend.openDevice('demo') }
}

/** The functions of this file that a report names. */
function namesOf(sites: MisuseSites | undefined): Record<string, string> {
  const known = Object.entries(sites ?? {}).filter(([, site]) => site !== undefined)
  return Object.fromEntries(
    known.map(([name, site]) => {
      expect(site).toMatch(/call-sites\.test\.ts:\d+:\d+/)
      return [name, String(site).split(' ')[0]!]
    }),
  )
}

/** A driver that makes one mistake of each kind, each step in a function with a name. */
async function makeMistakes(device: Device): Promise<void> {
  const buffer = await device.dma.allocBuffer({ bytes: 2 * PAGE })
  const mapIt = () => device.dma.map(buffer, { direction: 'from-device', bytes: 100 })
  const mapping = mapIt()
  const runOver = () => device.engine.write(mapping.address, new Uint8Array(101))
  await runOver()
  const readEarly = () => buffer.read(0, 1)
  readEarly()
  const unmapIt = () => mapping.unmap()
  unmapIt()
  const useLate = () => device.engine.write(mapping.address, Uint8Array.of(1))
  await useLate().catch(() => undefined)
  expect(unmapIt).toThrow('EINVAL')

  const mapList = () => device.dma.map([buffer, buffer], { direction: 'to-device' })
  const list = mapList()
  buffer.write(PAGE, Uint8Array.of(1))
  const readStale = () => device.engine.read(list.at(3 * PAGE), 1)
  await readStale()
  list.unmap()

  const window = await device.dma.openWindow({ pages: 2 })
  const linkIt = () => window.link(buffer, { at: 0, direction: 'to-device' })
  linkIt()
  expect(linkIt).toThrow('EADDRINUSE')
  const useUnsynced = () => device.engine.read(window.dmaAddress(1), 1)
  await useUnsynced().catch(() => undefined)
  await window.close()

  const allocateIt = () => device.dma.allocCoherent({ bytes: 100 })
  const coherent = await allocateIt()
  const runOut = () => device.engine.read(coherent.dmaAddress, 101)
  await runOut()
  await coherent.close()
  await buffer.close()
}

const EXPECTED = [
  ['beyond-mapping', { mapped: 'mapIt', misused: 'runOver' }],
  ['missing-sync-cpu', { mapped: 'mapIt', misused: 'readEarly' }],
  ['use-after-unmap', { mapped: 'mapIt', unmapped: 'unmapIt', misused: 'useLate' }],
  ['unmap-twice', { mapped: 'mapIt', unmapped: 'unmapIt', misused: 'unmapIt' }],
  ['missing-sync-device', { mapped: 'mapList', misused: 'readStale' }],
  ['link-twice', { mapped: 'linkIt', misused: 'linkIt' }],
  ['window-not-synced', { mapped: 'linkIt', misused: 'useUnsynced' }],
  ['beyond-mapping', { mapped: 'allocateIt', misused: 'runOut' }],
]

it('reports name where it was mapped, unmapped and misused, if that is recorded', async () => {
  const { backend, device } = await open({ recordCallSites: true })
  await makeMistakes(device)
  const found = backend.report().misuses.map(({ check, sites }) => [check, namesOf(sites)])
  for (const expected of EXPECTED) expect(found).toContainEqual(expected)
  await backend.close()
})

it('and while the backend is traced, with the events', async () => {
  const { backend, device } = await open({})
  const traced: unknown[] = []
  const stop = backend.trace((event) => {
    if (event.type === 'misuse') traced.push([event.check, namesOf(event.sites)])
  })
  await makeMistakes(device)
  stop()
  for (const expected of EXPECTED) expect(traced).toContainEqual(expected)
  await backend.close()
})

it('an overlap names who mapped the bytes before', async () => {
  const { backend, device } = await open({ recordCallSites: true })
  const buffer = await device.dma.allocBuffer({ bytes: PAGE })
  const mapFirst = () => device.dma.map(buffer, { direction: 'from-device' })
  const mapAgain = () => device.dma.map(buffer, { direction: 'from-device' })
  mapFirst()
  for (let i = 0; i < 8; i++) mapAgain()
  const found = backend.report().misuses.map(({ check, sites }) => [check, namesOf(sites)])
  expect(found[0]).toEqual(['overlapping-mapping', { mapped: 'mapFirst', misused: 'mapAgain' }])
  expect(found.at(-1)).toEqual(['too-many-overlaps', { mapped: 'mapAgain', misused: 'mapAgain' }])
  await backend.close()
})

it('what is live when the device is closed names who made it', async () => {
  const { backend, device } = await open({ recordCallSites: true })
  const buffer = await device.dma.allocBuffer({ bytes: PAGE })
  const mapIt = () => device.dma.map(buffer, { direction: 'to-device' })
  const mapList = () => device.dma.map([buffer], { direction: 'to-device' })
  const openIt = () => device.dma.openWindow({ pages: 1 })
  const allocateIt = () => device.dma.allocCoherent({ bytes: 1 })
  mapIt()
  mapList()
  await openIt()
  await allocateIt()
  await device.close()
  const found = backend
    .report()
    .misuses.map(({ check, sites }) => [check, namesOf(sites)['mapped']])
  const made = ['mapIt', 'mapList', 'openIt', 'allocateIt']
  expect(found).toHaveLength(made.length)
  expect(found).toEqual(expect.arrayContaining(made.map((each) => ['live-at-close', each])))
  await backend.close()
})

it('a stale translation names who unmapped it', async () => {
  const { backend, device } = await open({ recordCallSites: true }, { flush: 'lazy' })
  const buffer = await device.dma.allocBuffer({ bytes: PAGE })
  const mapIt = () => device.dma.map(buffer, { direction: 'to-device' })
  const mapping = mapIt()
  await device.engine.read(mapping.address, 1)
  const unmapIt = () => mapping.unmap()
  unmapIt()
  const useLate = () => device.engine.read(mapping.address, 1)
  await useLate()
  const [report] = backend.report().misuses
  expect(report?.check).toBe('stale-translation')
  const expected = { mapped: 'mapIt', unmapped: 'unmapIt', misused: 'useLate' }
  expect(namesOf(report?.sites)).toEqual(expected)
  await backend.close()
})

it('a mapping that has ended is not taken for a later one', async () => {
  const { backend, device } = await open({})
  const buffer = await device.dma.allocBuffer({ bytes: 2 * PAGE })
  const ended = device.dma.map(buffer, { direction: 'to-device', offset: 100, bytes: 50 })
  const said = [ended.address, ended.bytes, ended.direction, ended.revocable, ended.name]
  ended.unmap()
  const others = ['from-device', 'bidirectional'] as const
  const early = others.map((direction) => device.dma.map(buffer, { direction, offset: PAGE }))
  const stop = backend.trace(() => undefined)
  const mapIt = () => device.dma.map(buffer, { direction: 'to-device' })
  const late = [mapIt(), mapIt()]
  early[0]!.unmap()
  late[0]!.unmap()

  expect([ended.address, ended.bytes, ended.direction, ended.revocable, ended.name]).toEqual(said)
  const unmapIt = () => ended.unmap()
  expect(unmapIt).toThrow('EINVAL')
  // What was mapped before anything was recorded has no record, whatever came after it.
  const twice = backend.report().misuses.filter(({ check }) => check === 'unmap-twice')
  expect(twice.map(({ sites }) => namesOf(sites))).toEqual([{ misused: 'unmapIt' }])
  for (const live of [early[1]!, late[1]!]) {
    await device.engine.read(live.address, PAGE)
    live.unmap()
  }
  stop()
  await buffer.close()
  await device.close()
  await backend.close()
  expect(backend.report().leaks).toEqual([])
})

it('nothing is recorded otherwise', async () => {
  const { backend, device } = await open({})
  await makeMistakes(device)
  const { misuses } = backend.report()
  expect(misuses.length).toBeGreaterThan(5)
  expect(misuses.filter(({ sites }) => sites !== undefined)).toEqual([])
  await backend.close()
})

it('the option is checked', async () => {
  await expect(open({ recordCallSites: 1 as never })).rejects.toThrow('true or false')
})
