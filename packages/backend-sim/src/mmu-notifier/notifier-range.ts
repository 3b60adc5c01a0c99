import type { InvalidateKind } from '@hmm-sdk/hmm-api'

/** One invalidation: the kernel's `struct mmu_notifier_range`, in pages, `end` exclusive. */
export interface NotifierRange {
  readonly kind: InvalidateKind
  readonly start: number
  readonly end: number
  /** Who does it; meaningful for `migrate` and `exclusive` only. */
  readonly owner: object | undefined
  /** False only for the OOM reaper. */
  readonly blockable: boolean
}
