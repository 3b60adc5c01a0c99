/**
 * Median nanoseconds of each action, measured by turns in one run, so that what disturbs one
 * disturbs the others too. An action may be asynchronous.
 */
export async function interleaved(actions, { rounds = 15, warmup = 3 } = {}) {
  const times = actions.map(() => [])
  for (let round = -warmup; round < rounds; round++) {
    for (const [i, action] of actions.entries()) {
      const begin = process.hrtime.bigint()
      await action()
      if (round >= 0) times[i].push(Number(process.hrtime.bigint() - begin))
    }
  }
  return times.map((all) => all.sort((a, b) => a - b)[all.length >>> 1])
}
