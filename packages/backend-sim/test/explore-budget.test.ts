import { explore, type Scenario } from '@hmm-sdk/backend-sim/explore'
import { describe, expect, it } from 'vitest'

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
