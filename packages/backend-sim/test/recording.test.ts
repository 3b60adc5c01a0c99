import { createBackend } from '@hmm-sdk/backend-sim'
import {
  formatRecording,
  parseRecording,
  record,
  replay,
  replayRecording,
  type Scenario,
} from '@hmm-sdk/backend-sim/explore'
import { openBackend, type DmaAddress } from '@hmm-sdk/hmm-api'
import { expect, test } from 'vitest'

/** A driver that installs its address inside the commit, or after it. */
function scenario(inside: boolean, seen: string[] = []): Scenario {
  return async ({ backend, race }) => {
    const space = await backend.createAddressSpace()
    const device = await backend.openDevice('demo')
    const buffer = await space.mmap({ pages: 2 })
    let address: DmaAddress | undefined
    const mirror = await device.mirror(space, buffer, {
      invalidate: () => void (address = undefined),
    })
    await race({
      process: async () => {
        await space.write(buffer.page(1).start, Uint8Array.of(1))
        seen.push('written')
        await space.madvise(buffer, 'dontneed')
        seen.push('dropped')
      },
      driver: async () => {
        const late = await mirror.map(buffer, { access: 'write' }, (mapping) => {
          if (inside) address = mapping.dmaAddress(0)
          return mapping.dmaAddress(0)
        })
        if (!inside) address = late
        seen.push('mapped')
        if (inside) await space.read(buffer.start, 1)
        else if (address !== undefined) await device.engine.read(address, 1).catch(() => undefined)
        seen.push('read')
      },
    })
    await mirror.close()
    await device.close()
    await space.close()
  }
}

async function recorded(inside: boolean, seen: string[] = []) {
  const backend = await openBackend({ backend: createBackend, config: false })
  const recording = await record(scenario(inside, seen), backend, 'race')
  await backend.close()
  expect(backend.report()).toEqual({ leaks: [], misuses: [] })
  return recording
}

test('a recording has the calls of the race in their order, and survives its text', async () => {
  const recording = await recorded(true)
  expect(recording).toMatchObject({ hmm: 'recording', target: 'race', backend: 'sim' })
  expect(recording.error).toBeUndefined()
  expect(recording.calls.map(({ who, op }) => `${who}: ${op}`).sort()).toEqual([
    'driver: mirror.map',
    'driver: space.read',
    'process: space.madvise',
    'process: space.write',
  ])
  expect(parseRecording(formatRecording(recording), 'file')).toEqual(recording)
})

test('the simulation follows it, whatever the order was', async () => {
  const recording = await recorded(true)
  const orders = permutations(recording.calls).filter(
    (calls) =>
      index(calls, 'space.write') < index(calls, 'space.madvise') &&
      index(calls, 'mirror.map') < index(calls, 'space.read'),
  )
  expect(orders).toHaveLength(6)
  for (const calls of orders) {
    const seen: string[] = []
    const result = await replayRecording({ ...recording, calls }, scenario(true, seen), {
      budget: { schedules: 1 },
    })
    expect(result).toMatchObject({ followed: 4, of: 4, schedules: 1, failure: undefined })
    const names = { write: 'written', madvise: 'dropped', map: 'mapped', read: 'read' }
    const expected = calls.map(({ op }) => names[op.split('.')[1] as keyof typeof names])
    expect(seen).toEqual(expected)
    // The token is the same schedule, for ever.
    seen.length = 0
    expect(await replay(result.token, scenario(true, seen))).toBeUndefined()
    expect(seen).toEqual(expected)
  }
})

test(
  'what went well when it was recorded is found broken around it',
  { timeout: 120_000 },
  async () => {
    const recording = await recorded(false)
    expect(recording.error).toBeUndefined()
    const { failure, schedules } = await replayRecording(recording, scenario(false))
    expect(failure?.kind).toBe('stale-access')
    expect(schedules).toBeLessThan(200)
    expect(await replay(failure!.token, scenario(false))).toMatchObject({ kind: 'stale-access' })
    const fixed = await replayRecording(recording, scenario(true), { budget: { schedules: 100 } })
    expect(fixed.failure).toBeUndefined()
  },
)

test('what is no recording is refused by name', () => {
  expect(() => parseRecording('', 'f')).toThrow(/f: not a recording/)
  expect(() => parseRecording('{"hmm":"part"}\n', 'f')).toThrow(/f: not a recording/)
  expect(() => parseRecording('{"hmm":"recording","version":2}\n', 'f')).toThrow(/version 2/)
  expect(() => parseRecording('{"hmm":"recording","version":1}\nx\n', 'f')).toThrow(/f:2:/)
})

test('what a scenario throws is in the recording, and levers are refused elsewhere', async () => {
  const raw = createBackend({})
  const backend = await openBackend({
    backend: Object.create(raw, { name: { value: 'other' } }),
    config: false,
  })
  const recording = await record(async ({ control }) => control.advance(1), backend, 'lever')
  expect(recording.error).toMatch(/control.advance is a lever of the simulation, not of 'other'/)
})

function index(calls: readonly { op: string }[], op: string): number {
  return calls.findIndex((call) => call.op === op)
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]]
  return items.flatMap((item, at) =>
    permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]),
  )
}
