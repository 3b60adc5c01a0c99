import type { FailReport } from '@hmm-sdk/backend-sim/explore'
import type { HmmConfig } from '@hmm-sdk/hmm-api'
import { nouveauFailing } from './nouveau/failing.js'
import { odpFailing } from './odp/failing.js'
import type { ExampleName } from './run-example.js'
import { loadExplore } from './run-explore-package.js'

const SCENARIOS = { odp: odpFailing, nouveau: nouveauFailing } as const

/** What `--fail-every-step --json` prints. */
export interface FailingSummary extends Omit<FailReport, 'name' | 'table'> {
  readonly example: ExampleName
}

/**
 * Fails every step of an example on the simulation, once each and then in pairs; the summary, and
 * the table for people. ENOENT if `@hmm-sdk/backend-sim` is not installed.
 */
export async function runFailing(
  example: ExampleName,
  options: {
    readonly config: HmmConfig
    readonly pairs?: number | undefined
    readonly onProgress?: (runs: number, of: number) => void
  },
): Promise<{ readonly summary: FailingSummary; readonly table: string }> {
  const { failEveryStep } = await loadExplore()
  const { config, pairs, onProgress } = options
  const report = await failEveryStep(SCENARIOS[example], {
    name: example,
    ...(config.devices === undefined ? {} : { devices: config.devices }),
    ...(pairs === undefined ? {} : { pairs }),
    ...(onProgress === undefined
      ? {}
      : { onProgress: (progress) => onProgress(progress.runs, progress.of) }),
  })
  const { name: _name, table, ...rest } = report
  return { summary: { example, ...rest }, table }
}
