import type { Counters, Leak } from '@hmm-sdk/hmm-api'

/** What an example did, and whether it was right: what `--json` prints. */
export interface Summary {
  readonly example: string
  readonly backend: string
  /** Every check held, and nothing leaked. */
  readonly ok: boolean
  /** Bytes that were compared with what they must be. */
  readonly verifiedBytes: number
  readonly counters: Counters
  readonly leaks: readonly Leak[]
  readonly durationMs: number
  /** Why it is not ok, if it is not a leak. */
  readonly error?: string
}

/** The summary for people: what happened, step by step, and in figures. */
export function describe(summary: Summary, steps: readonly string[]): string {
  const { counters, leaks } = summary
  const lines = [
    `${summary.example} on ${summary.backend}: ${summary.ok ? 'ok' : 'FAILED'}, ${summary.durationMs} ms`,
    ...steps.map((step, index) => `  ${index + 1}. ${step}`),
    '',
    `  device faults    ${counters.deviceFaults}`,
    `  pages mapped     ${counters.pagesMapped}, unmapped ${counters.pagesUnmapped}`,
    `  invalidations    ${counters.invalidations}`,
    `  pages migrated   ${counters.pagesMigratedToDevice} to the device, ${counters.pagesMigratedToSystem} back`,
    `  bytes checked    ${summary.verifiedBytes}`,
    `  leaks            ${leaks.map(({ kind, name }) => `${kind} '${name}'`).join(', ') || 'none'}`,
  ]
  if (summary.error !== undefined) lines.push('', `  ${summary.error}`)
  return lines.join('\n')
}
