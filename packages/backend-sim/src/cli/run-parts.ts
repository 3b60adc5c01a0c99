import type { PartResult, Plan } from './part-result.js'
import { runPart, type PartJob } from './run-part.js'

/** Something that runs parts, a number of them at the same time. */
export interface PartRunner {
  readonly atOnce: number
  run(job: PartJob): Promise<PartResult>
  close(): Promise<void>
}

/**
 * Runs the parts of a shard, and tells each result when it is there. After a part with a failure no
 * later one is begun; earlier ones go on, since one of them may have the failure that counts.
 */
export async function runParts(
  runner: PartRunner,
  plan: Plan,
  folder: string,
  shard: { readonly index: number; readonly count: number },
  onResult: (result: PartResult) => void,
): Promise<PartResult[]> {
  const results: PartResult[] = []
  let next = shard.index
  let end = plan.parts
  const lane = async (): Promise<void> => {
    while (next < end) {
      const part = next
      next += shard.count
      const result = await runner.run({ plan, part, folder })
      if (result.failure !== null) end = Math.min(end, part)
      results.push(result)
      onResult(result)
    }
  }
  await Promise.all(Array.from({ length: runner.atOnce }, lane))
  return results.sort((a, b) => a.part - b.part)
}

/** Runs parts in this thread, one after the other. */
export const inThisThread: PartRunner = {
  atOnce: 1,
  run: runPart,
  close: async () => undefined,
}

/** Runs parts in `threads` worker threads, each with the module `worker`. */
export async function inThreads(threads: number, worker: URL): Promise<PartRunner> {
  const { default: Tinypool } = await import('tinypool')
  const pool = new Tinypool({
    filename: worker.href,
    runtime: 'worker_threads',
    minThreads: threads,
    maxThreads: threads,
  })
  return {
    atOnce: threads,
    run: (job) => pool.run(job) as Promise<PartResult>,
    close: () => pool.destroy(),
  }
}
