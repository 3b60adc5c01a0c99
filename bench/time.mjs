import { Bench } from 'tinybench'

/**
 * Median time of one call in nanoseconds. A call that does `per` operations is divided by it, so that short
 * operations are measured in a loop of their own.
 */
export async function time(action, { per = 1, milliseconds = 300 } = {}) {
  const bench = new Bench({ time: milliseconds, warmupTime: milliseconds / 4, throws: true })
  bench.add('action', action)
  const [task] = await bench.run()
  return (task.result.latency.p50 * 1e6) / per
}
