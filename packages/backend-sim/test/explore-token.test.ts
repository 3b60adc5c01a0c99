import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeToken, encodeToken, explore, replay, type Scenario } from '../src/explore/index.js'

/** Reads a count, waits, writes it; `edit` is code that an author might add elsewhere. */
const counter =
  (edit: 'none' | 'unrelated' | 'fixed' | 'renamed'): Scenario =>
  async ({ race, point, backend }) => {
    const device = await backend.openDevice('demo')
    if (edit === 'unrelated') {
      const space = await backend.createAddressSpace()
      const buffer = await space.mmap({ pages: 2 })
      await space.write(buffer.start, new Uint8Array(8))
      await space.close()
    }
    const mutex = device.sync.mutex('count')
    let count = 0
    const add = async (): Promise<void> => {
      if (edit === 'unrelated') await device.clock.sleep(0)
      const before = count
      await point(edit === 'renamed' ? 'new name' : 'between')
      count = before + 1
    }
    const guarded = () => (edit === 'fixed' ? mutex.run(add) : add())
    await race({ a: guarded, b: guarded })
    await device.close()
    expect(count).toBe(2)
  }

async function tokenOf(scenario: Scenario): Promise<string> {
  const { failure } = await explore(scenario, { name: 'counter' })
  return failure!.token
}

test('any content makes one URL-safe line that gives it back', () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 20 })
  const simulation = fc.record(
    { seed: fc.nat(), thp: fc.constantFrom('always' as const, 'never' as const) },
    { requiredKeys: [] },
  )
  const switches = fc.array(
    fc.record({ from: name, point: name, n: fc.integer({ min: 1, max: 1e6 }), to: name }),
    { maxLength: 6 },
  )
  fc.assert(
    fc.property(name, simulation, switches, (title, options, list) => {
      const token = encodeToken({ name: title, simulation: options, switches: list })
      expect(token).toMatch(/^hmm1\.[A-Za-z0-9_-]+$/)
      expect(decodeToken(token)).toEqual({ name: title, simulation: options, switches: list })
    }),
  )
})

test('a token replays its failure 100 times of 100', async () => {
  const { failure } = await explore(counter('none'), { name: 'counter' })
  for (let i = 0; i < 100; i++) {
    const again = await replay(failure!.token, counter('none'))
    expect(again).toMatchObject({ message: failure!.message, token: failure!.token })
    expect(again?.table).toBe(failure!.table)
  }
})

test('it still does after an edit that has nothing to do with the race', async () => {
  const token = await tokenOf(counter('none'))
  expect(await replay(token, counter('unrelated'))).toMatchObject({ kind: 'assertion' })
})

test('a token whose switches do not come any more says which', async () => {
  const token = await tokenOf(counter('none'))
  await expect(replay(token, counter('renamed'))).rejects.toThrow(
    'token outdated at switch 1: a @ between -> b',
  )
})

test('a schedule that passes now replays to nothing', async () => {
  expect(await replay(await tokenOf(counter('none')), counter('fixed'))).toBeUndefined()
  const token = encodeToken({ name: 'counter', simulation: {}, switches: [] })
  expect(await replay(token, counter('none'))).toBeUndefined()
})

test('the options of the simulation are in the token', async () => {
  const scenario: Scenario = async ({ backend, race, point }) => {
    const space = await backend.createAddressSpace()
    const { pageSize } = space
    await space.close()
    await race({ a: () => point('p') })
    expect(pageSize).toBe(4096)
  }
  const { failure } = await explore(scenario, { simulation: { pageSize: 65536 } })
  expect(await replay(failure!.token, scenario)).toMatchObject({ message: failure!.message })
})

test('what is no token, is damaged, or belongs to another scenario is refused', async () => {
  const token = await tokenOf(counter('none'))
  const scenario = counter('none')
  await expect(replay('hello', scenario)).rejects.toThrow('no token')
  await expect(replay(token.replace('hmm1', 'hmm0'), scenario)).rejects.toThrow('version hmm0')
  await expect(replay(token.slice(0, -3), scenario)).rejects.toThrow('damaged')
  await expect(replay(`${token}!`, scenario)).rejects.toThrow('damaged')
  await expect(replay(token, scenario, { name: 'other' })).rejects.toThrow(
    "the token is of scenario 'counter', not 'other'",
  )
})
