import { openBackend, withBackend } from '@hmm-sdk/hmm-api'
import { createBackend } from '@hmm-sdk/backend-sim'
import {
  explore,
  failEveryStep,
  failStep,
  raceTest,
  replay,
  type Scenario,
} from '@hmm-sdk/backend-sim/explore'
import { describe, expect, it } from 'vitest'

const nothing: Scenario = () => undefined
/** Silently a device with the usual memory, if nobody looked at it. */
const misplaced = { devices: { demo: { memoryPages: 4 } } } as object
const RIGHT = /devices\.demo: unknown key 'memoryPages'.*\{ sim: \{ memoryPages \} \}/

describe('options of a device that are not below their backend are refused', () => {
  it('by explore, replay, failEveryStep and failStep', async () => {
    const { failure } = await explore(async ({ race }) => {
      await race({ one: () => Promise.reject(new Error('no')) })
    })
    await expect(explore(nothing, misplaced)).rejects.toThrow(RIGHT)
    await expect(replay(failure!.token, nothing, misplaced)).rejects.toThrow(RIGHT)
    await expect(failEveryStep(nothing, misplaced)).rejects.toThrow(RIGHT)
    await expect(failStep(nothing, [], misplaced)).rejects.toThrow(RIGHT)
  })

  it('by raceTest', async () => {
    let run = async (): Promise<void> => undefined
    raceTest('with four pages', nothing, { ...misplaced, test: (_name, work) => (run = work) })
    await expect(run()).rejects.toThrow(RIGHT)
  })

  it('by openBackend, whose backend is given', async () => {
    const open = { backend: createBackend, config: misplaced }
    await expect(openBackend(open)).rejects.toThrow(RIGHT)
    await expect(withBackend(async () => undefined, open)).rejects.toThrow(RIGHT)
  })
})

it('what a device does not know is refused before the first schedule', async () => {
  let runs = 0
  const devices = { demo: { sim: { memorypages: 4 } } }
  await expect(explore(() => void runs++, { devices })).rejects.toThrow(
    /'memorypages'.*memoryPages/,
  )
  await expect(failEveryStep(() => void runs++, { devices })).rejects.toThrow(/'memorypages'/)
  expect(runs).toBe(0)
})

it('what the kernel of the simulation cannot do is told to the scenario', async () => {
  const { failure } = await explore(
    async ({ backend }) => {
      await expect(backend.openDevice('demo')).rejects.toMatchObject({ code: 'EOPNOTSUPP' })
    },
    { simulation: { kernel: '6.12' }, devices: { demo: { sim: { memoryPages: 4 } } } },
  )
  expect(failure?.message).toBeUndefined()
})

it('failEveryStep refuses options that it does not know', async () => {
  await expect(failEveryStep(nothing, { pair: 3 } as object)).rejects.toThrow(/'pair'.*pairs/)
  await expect(failEveryStep(nothing, { pairs: -1 })).rejects.toThrow(/pairs: -1/)
  const points = ['pages'] as never
  await expect(failEveryStep(nothing, { points })).rejects.toThrow(/'pages' is not one of frame/)
})

it('a scenario with points of its own fits failEveryStep as it is', async () => {
  const scenario: Scenario = async ({ race, point }) => {
    await race({ one: () => point('here'), other: () => point('there') })
  }
  expect((await explore(scenario)).failure).toBeUndefined()
  expect((await failEveryStep(scenario)).findings).toEqual([])
})

describe('an exploration inside a scenario', () => {
  const inner: Scenario = async ({ race }) => race({ one: () => undefined })
  const refused = (call: string): RegExp =>
    new RegExp(`${call}: called inside scenario 'outer', .* call it outside`)

  it.each([
    ['explore', () => explore(inner)],
    ['replay', () => replay('hmm1.WyJhIix7fSxbXV0', inner)],
    ['failEveryStep', () => failEveryStep(inner)],
  ] as const)('is refused by name: %s', async (call, start) => {
    for (const selfCheck of [true, false]) {
      for (const where of ['before the race', 'in an actor'] as const) {
        const outer: Scenario = async ({ race }) => {
          if (where === 'before the race') await start()
          else await race({ actor: start, other: () => undefined })
        }
        const { failure } = await explore(outer, { name: 'outer', selfCheck })
        expect(failure?.message).toMatch(refused(call))
        expect(failure?.schedulesUntilFound).toBe(1)
      }
    }
  })

  it('is refused in one of failEveryStep, too', async () => {
    const outer = async (): Promise<void> => void (await explore(inner))
    await expect(failEveryStep(outer, { name: 'outer' })).rejects.toThrow(refused('explore'))
  })

  it('is not confused with one that is started at the same time', async () => {
    const results = await Promise.all([
      explore(inner, { mode: 'exact' }),
      Promise.resolve().then(() => explore(inner)),
      new Promise<void>((resolve) => void setTimeout(resolve)).then(() => explore(inner)),
    ])
    expect(results.map(({ failure }) => failure)).toEqual([undefined, undefined, undefined])
  })
})
