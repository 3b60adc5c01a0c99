import { control, createBackend, FAILURE_POINTS, type FailurePoint } from '@hmm-sdk/backend-sim'
import { HmmError, openBackend } from '@hmm-sdk/hmm-api'
import { expect, test, vi } from 'vitest'
import { CheckFailed, exampleConfig, nouveauStory, odpStory, StoryLog } from '../src/index.js'

vi.setConfig({ testTimeout: 120_000 })

const STORIES = { odp: odpStory, nouveau: nouveauStory } as const

/** Runs a story with the `n`-th pass of `point` failing; how often each point was passed. */
async function runFailing(
  example: keyof typeof STORIES,
  point?: FailurePoint,
  n = 1,
): Promise<Record<FailurePoint, number>> {
  const backend = await openBackend({ backend: createBackend, config: exampleConfig() })
  const simulation = control(backend)
  if (point !== undefined) simulation.failNth(point, n)
  try {
    await STORIES[example](backend, new StoryLog())
  } catch (error) {
    // The story may well stop there, with an error that says why.
    if (point === undefined) throw error
    expect(HmmError.is(error) || error instanceof CheckFailed, String(error)).toBe(true)
  }
  await backend.close()
  expect(backend.report().leaks).toEqual([])
  expect(simulation.usage().frames).toBe(0)
  return simulation.reached()
}

// Every point is tried; where there are many, some of them.
const MOST_OF_A_POINT = 8

test.each(['odp', 'nouveau'] as const)(
  '%s loses and leaks nothing, whatever fails',
  async (example) => {
    const passes = await runFailing(example)
    for (const point of FAILURE_POINTS) {
      const step = Math.max(1, Math.ceil(passes[point] / MOST_OF_A_POINT))
      for (let n = 1; n <= passes[point]; n += step) await runFailing(example, point, n)
    }
  },
)
