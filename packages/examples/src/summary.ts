import type { Counters, Leak } from '@hmm-sdk/hmm-api'

/** What became of the device faults of an example, as the flows of its trace say. */
export interface Flows {
  /** Faults that reached the driver. */
  readonly faults: number
  /** Those for which it mapped something: one map may answer several. */
  readonly mapped: number
  /** Those that it refused. */
  readonly failed: number
}

/** What an example did, and whether it was right: what `--json` prints. */
export interface Summary {
  readonly example: string
  readonly backend: string
  /** Every check held, and nothing leaked. */
  readonly ok: boolean
  /** Bytes that were compared with what they must be. */
  readonly verifiedBytes: number
  readonly counters: Counters
  readonly flows: Flows
  readonly leaks: readonly Leak[]
  readonly durationMs: number
  /** Why it is not ok, if it is not a leak. */
  readonly error?: string
}

/** The summary for people: what happened, step by step, and in figures. */
export function describe(summary: Summary, steps: readonly string[]): string {
  const { counters, flows, leaks } = summary
  const lines = [
    `${summary.example} on ${summary.backend}: ${summary.ok ? 'ok' : 'FAILED'}, ${summary.durationMs} ms`,
    ...steps.map((step, index) => `  ${index + 1}. ${step}`),
    '',
    `  device faults    ${counters.deviceFaults}`,
    `  faults reported  ${flows.faults}, ${flows.mapped} mapped something, ${flows.failed} refused`,
    `  pages mapped     ${counters.pagesMapped}, unmapped ${counters.pagesUnmapped}`,
    `  invalidations    ${counters.invalidations}`,
    `  pages migrated   ${counters.pagesMigratedToDevice} to the device, ${counters.pagesMigratedToSystem} back`,
    `  bytes checked    ${summary.verifiedBytes}`,
    `  leaks            ${leaks.map(({ kind, name }) => `${kind} '${name}'`).join(', ') || 'none'}`,
  ]
  if (summary.error !== undefined) lines.push('', `  ${summary.error}`)
  return lines.join('\n')
}
