/**
 * Time and waiting. Simulations control both; everything in hmm-api that waits does it here.
 */
export interface RawScheduler {
  /** Monotonic nanoseconds. */
  now(): number
  /** Resolves after `ms` milliseconds of the backend's time. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** A wait of its own: `promise` resolves after `wake()`. `label` names it in reports. */
  createWait(label: string): { readonly promise: Promise<void>; wake(): void }
}
