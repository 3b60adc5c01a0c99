import { openBackend, type OpenBackendOptions } from '@hmm-sdk/hmm-api'
import { countFlows } from './count-flows.js'
import { exampleConfig } from './example-config.js'
import { nouveauStory } from './nouveau/story.js'
import { odpStory } from './odp/story.js'
import { CheckFailed, StoryLog } from './story-log.js'
import type { Summary } from './summary.js'

const STORIES = { odp: odpStory, nouveau: nouveauStory } as const

export type ExampleName = keyof typeof STORIES
export const EXAMPLES = Object.keys(STORIES) as ExampleName[]

/** A summary with the story as it was told. */
export interface ExampleResult {
  readonly summary: Summary
  readonly steps: readonly string[]
}

/**
 * Runs an example on a backend of its own. What goes wrong in the story is in the summary; fails
 * only when the backend cannot be opened, as `openBackend` does.
 */
export async function runExample(
  example: ExampleName,
  options: OpenBackendOptions = {},
  onStep?: (text: string) => void,
): Promise<ExampleResult> {
  const started = performance.now()
  const log = new StoryLog(onStep)
  const backend = await openBackend({ config: exampleConfig(), ...options })
  const flowsOf = countFlows(backend)
  let failure: string | undefined
  try {
    await STORIES[example](backend, log)
  } catch (error) {
    failure = messageOf(error)
  }
  const counters = backend.counters()
  const flows = flowsOf()
  await backend.close()
  const { leaks, misuses } = backend.report()
  failure ??= misuses[0]?.text
  const summary: Summary = {
    example,
    backend: backend.name,
    ok: failure === undefined && leaks.length === 0,
    verifiedBytes: log.verifiedBytes,
    counters,
    flows,
    leaks,
    durationMs: Math.round(performance.now() - started),
    ...(failure === undefined ? {} : { error: failure }),
  }
  return { summary, steps: log.steps }
}

/** The message of an error, with the hint that an HmmError has in it; a stack only for bugs. */
export function messageOf(error: unknown): string {
  if (error instanceof CheckFailed) return `check failed: ${error.message}`
  return error instanceof Error ? error.message : String(error)
}
