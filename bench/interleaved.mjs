import { median } from './median.mjs'

/**
 * Median nanoseconds of each action, measured by turns in one run, so that what disturbs one
 * disturbs the others too. An action may be asynchronous. `between` runs after each round, untimed.
 */
export async function interleaved(actions, { rounds = 15, warmup = 3, between } = {}) {
  const times = actions.map(() => [])
  for (let round = -warmup; round < rounds; round++) {
    for (const [i, action] of actions.entries()) {
      const begin = process.hrtime.bigint()
      await action()
      if (round >= 0) times[i].push(Number(process.hrtime.bigint() - begin))
    }
    await between?.()
  }
  return times.map(median)
}
