import { explore, type Scenario } from '@hmm-sdk/backend-sim/explore'
import { describe, expect, it, vi } from 'vitest'

/** Two actors with nothing between them, so that soon there is nothing new. */
const quiet: Scenario = ({ race, point }) => {
  const actor = async (): Promise<void> => {
    for (let step = 0; step < 8; step++) await point('step')
  }
  return race({ one: actor, two: actor })
}

describe('budget.flat', () => {
  const strategies = { preemptions: [0], pct: [] }

  it('ends an exploration without anything new', async () => {
    const budget = { schedules: 2_000, flat: 100 }
    const { reason, schedules } = await explore(quiet, { budget, strategies })
    expect(reason).toBe('coverage')
    expect(schedules).toBeLessThan(2_000)
  })

  it('does not when it is as large as the budget', async () => {
    const budget = { schedules: 500, flat: 500 }
    const { reason, schedules } = await explore(quiet, { budget, strategies })
    expect(reason).toBe('budget')
    expect(schedules).toBe(500)
  })

  it('is a whole number of at least 1', async () => {
    await expect(explore(quiet, { budget: { flat: 0 } })).rejects.toThrow(/budget\.flat/)
  })
})

describe('shrinking', () => {
  /** Fails when `two` looks before and in the middle of `one`: to it, and there and back. */
  const broken: Scenario = ({ race, point }) => {
    let inside = false
    let before = false
    let seen = false
    return race({
      one: async () => {
        for (let step = 0; step < 8; step++) {
          inside = step === 5
          await point('one')
        }
        if (seen) throw new Error('found')
      },
      two: async () => {
        for (let step = 0; step < 8; step++) {
          await point('two')
          if (step === 3) before = !inside
          if (step === 4 && before && inside) seen = true
        }
      },
    })
  }

  it('gives the same on a machine that is a hundred times slower', async () => {
    const options = { strategies: { preemptions: [], pct: [] } }
    const fast = await explore(broken, options)
    expect(fast.failure?.switches).toHaveLength(3)
    let calls = 0
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => 20 * calls++)
    try {
      const { failure } = await explore(broken, options)
      expect(failure?.token).toBe(fast.failure?.token)
      expect(calls).toBeGreaterThan(100)
    } finally {
      clock.mockRestore()
    }
  })
})
