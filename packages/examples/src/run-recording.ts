import { openBackend, type OpenBackendOptions } from '@hmm-sdk/hmm-api'
import { exampleConfig } from './example-config.js'
import { nouveauRacing } from './nouveau/racing.js'
import { odpRacing } from './odp/racing.js'
import type { ExampleName } from './run-example.js'
import { loadExplore } from './run-explore-package.js'

const SCENARIOS = { odp: odpRacing, nouveau: nouveauRacing } as const

/** What `--record FILE --json` prints. */
export interface RecordingSummary {
  readonly example: ExampleName
  readonly backend: string
  /** The scenario found all as it must be, and leaked nothing. */
  readonly ok: boolean
  /** Calls of the race that are in the recording. */
  readonly calls: number
  /** What the scenario threw, if it did. */
  readonly error?: string
}

/**
 * Runs the race of an example once, on whatever backend, and writes down in which order its calls
 * came back: the summary, and the text for `hmm replay`. ENOENT if `@hmm-sdk/backend-sim` is not
 * installed; else fails only when the backend cannot be opened.
 */
export async function runRecording(
  example: ExampleName,
  options: OpenBackendOptions = {},
): Promise<{ readonly summary: RecordingSummary; readonly text: string }> {
  const { formatRecording, record } = await loadExplore()
  const backend = await openBackend({ config: exampleConfig(), ...options })
  const target = `@hmm-sdk/examples/scenarios#${example}`
  const recording = await record(SCENARIOS[example], backend, target)
  await backend.close()
  const { leaks } = backend.report()
  const [leak] = leaks
  const error = recording.error ?? (leak && `leaked: ${leak.kind} '${leak.name}'`)
  const summary: RecordingSummary = {
    example,
    backend: recording.backend,
    ok: error === undefined,
    calls: recording.calls.length,
    ...(error === undefined ? {} : { error }),
  }
  return { summary, text: formatRecording(recording) }
}
