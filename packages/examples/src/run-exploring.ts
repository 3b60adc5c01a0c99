import type { Exploration, Progress } from '@hmm-sdk/backend-sim/explore'
import type { HmmConfig } from '@hmm-sdk/hmm-api'
import { nouveauRacing } from './nouveau/racing.js'
import { odpRacing } from './odp/racing.js'
import type { ExampleName } from './run-example.js'
import { loadExplore } from './run-explore-package.js'

const SCENARIOS = { odp: odpRacing, nouveau: nouveauRacing } as const

/** What `--explore N --json` prints. */
export interface ExploringSummary extends Omit<Exploration, 'failure'> {
  readonly example: ExampleName
  /** No schedule failed. */
  readonly ok: boolean
  /** The schedule that failed, and the token that replays it. */
  readonly failure?: {
    readonly kind: string
    readonly message: string
    readonly token: string
    readonly schedulesUntilFound: number
  }
}

/**
 * Runs an example on the simulation under `schedules` interleavings, or all there are; the summary,
 * and what to print for people. ENOENT if `@hmm-sdk/backend-sim` is not installed.
 */
export async function runExploring(
  example: ExampleName,
  schedules: number,
  options: {
    readonly config: HmmConfig
    readonly seed?: number | undefined
    readonly onProgress?: (progress: Progress) => void
  },
): Promise<{ readonly summary: ExploringSummary; readonly text: string }> {
  const { explore } = await loadExplore()
  const { config, seed, onProgress } = options
  const { failure, ...result } = await explore(SCENARIOS[example], {
    name: example,
    budget: { schedules, ms: 1e12, flat: schedules },
    ...(config.devices === undefined ? {} : { devices: config.devices }),
    ...(seed === undefined ? {} : { seed }),
    ...(onProgress === undefined ? {} : { onProgress }),
  })
  const summary: ExploringSummary = {
    example,
    ok: failure === undefined,
    ...result,
    ...(failure === undefined
      ? {}
      : {
          failure: {
            kind: failure.kind,
            message: failure.message,
            token: failure.token,
            schedulesUntilFound: failure.schedulesUntilFound,
          },
        }),
  }
  return { summary, text: describe(summary, failure?.table) }
}

function describe(summary: ExploringSummary, table: string | undefined): string {
  const { example, failure, schedules, points, seconds, coverage, completePreemptions } = summary
  const complete =
    completePreemptions === undefined
      ? 'not even complete without preemptions'
      : `complete up to ${completePreemptions} preemptions`
  const rate = Math.round(schedules / seconds)
  const lines = [
    `${example}: ${schedules} schedules with ${points} points in ${seconds.toFixed(1)} s ` +
      `(${rate}/s), ended by ${summary.reason}, ${complete}`,
    `  coverage: ${coverage.points} distinct points, ${coverage.racingPairs} racing pairs`,
  ]
  if (failure === undefined) return [...lines, '  no findings'].join('\n')
  return [...lines, '', `${failure.kind}: ${failure.message}`, '', table, '', failure.token].join(
    '\n',
  )
}
