import { explore } from '../explore/index.js'
import { loadTarget, type LoadedTarget } from './load-target.js'
import { partResult, type PartResult, type Plan } from './part-result.js'

/** One part to run, as a worker is told. */
export interface PartJob {
  readonly plan: Plan
  readonly part: number
  /** Where relative paths begin. */
  readonly folder: string
}

const loaded = new Map<string, Promise<LoadedTarget>>()

/** Runs one part of an exploration; the part number and the plan decide all of its result. */
export async function runPart({ plan, part, folder }: PartJob): Promise<PartResult> {
  let target = loaded.get(plan.target)
  if (target === undefined) loaded.set(plan.target, (target = loadTarget(plan.target, folder)))
  const { scenario, options } = await target
  // Every part gets the same, and the first ones what is left over.
  const schedules =
    Math.floor(plan.schedules / plan.parts) + (part < plan.schedules % plan.parts ? 1 : 0)
  const exploration = await explore(scenario, {
    ...options,
    seed: plan.seed,
    // Time must not decide: it differs from machine to machine.
    budget: { flat: schedules, ...options.budget, schedules, ms: 1e12 },
    shard: { index: part, count: plan.parts },
    selfCheck: part === 0,
    covered: true,
  })
  return partResult(plan, part, exploration)
}
