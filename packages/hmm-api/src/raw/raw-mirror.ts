import type { InvalidateKind } from '../event.js'
import type { RawWait } from './raw-backend.js'

/** One invalidation, clipped to the mirror. Its DMA mappings are revoked already. */
export interface RawInvalidate {
  readonly kind: InvalidateKind
  /** First page, as an index into the mirror. */
  readonly first: number
  readonly pages: number
  /** Caused by this device's own migration or exclusive grant. */
  readonly self: boolean
  /** False only when the kernel cannot wait (OOM reaper). */
  readonly blockable: boolean
  /** Several invalidations in one, after an overflow: the hull of their ranges. */
  readonly coalesced: boolean
}

export interface RawMirrorCallbacks {
  /**
   * Inside the CPU operation (simulation) or shortly after (ioctl), before any later fault or
   * commit on that range succeeds. The returned function is the second pass
   * (`invalidate_finish`), called after the first pass of all mirrors. Never throws.
   */
  invalidate(event: RawInvalidate): void | (() => void)
  /** The process is gone; once, after the `release` invalidation. Never throws. */
  released(): void
}

/** Requests of a range fault; `entries` in place: requests in, results out (see entry.ts). */
export interface RawFaultRequest {
  /** First page, as an index into the mirror. */
  readonly first: number
  readonly pages: number
  /** `hmm_range.default_flags`: ENTRY_REQ_* or 0. */
  readonly defaultFlags: number
  /** `hmm_range.pfn_flags_mask`: which ENTRY_REQ_* of the entries count. */
  readonly mask: number
  readonly entries: Uint32Array
  /**
   * Whatever is in `entries` does not count: with `mask` 0 no request, and no flag that stays
   * (DMA_MAPPED, PEER, PEER_BUS). False if left out.
   */
  readonly fresh?: boolean
}

/** A mapping of one range under one sequence: not to be used before `commit` says so. */
export interface RawMapAttempt {
  /** Entries with DMA pages, one per page: see entry.ts. The attempt's, until its commit is over. */
  readonly entries: Uint32Array
  /**
   * Runs `run` and returns true if no invalidation overlapped the range since the fault began;
   * returns false without running it otherwise. Synchronous. Rethrows what `run` throws.
   */
  commit(run: () => void): boolean
  /** Unmaps exactly the pages that this attempt newly mapped or upgraded. Idempotent. */
  undo(): void
}

/**
 * An interval notifier with its DMA mappings. At most one mapping per page: mapping a page that is
 * mapped with enough rights gives the same DMA page again; an upgrade to write keeps the DMA page.
 */
export interface RawMirror {
  readonly id: number
  /** `mmu_interval_read_begin`: waits while an invalidation of the range runs. */
  readBegin(wait: RawWait): Promise<number>
  /** `mmu_interval_read_retry`. Synchronous. */
  readRetry(sequence: number): boolean
  /**
   * `hmm_range_fault`; takes the sequence itself (as the unlocked form does) and returns it.
   * Retries EBUSY inside until the deadline.
   */
  fault(request: RawFaultRequest, wait: RawWait): Promise<number>
  /**
   * One attempt: fault, and link every page for DMA; all or nothing. With `fault: false` only what
   * is present is mapped, the other entries lack VALID. Fails with the page's index in the range.
   * May itself retry when an invalidation comes in between, until the deadline (EBUSY). The
   * attempt itself, not a promise, where nothing had to be waited for: its commit may follow at once.
   */
  map(
    request: {
      readonly first: number
      readonly pages: number
      readonly write: boolean
      readonly fault: boolean
    },
    wait: RawWait,
  ): RawMapAttempt | Promise<RawMapAttempt>
  /**
   * `make_device_exclusive` for each page, then the same as `map` with write access. EBUSY when
   * foreign accesses keep taking the pages back. Missing without the capability.
   */
  exclusive?(
    request: { readonly first: number; readonly pages: number },
    wait: RawWait,
  ): Promise<RawMapAttempt>
  /** Unmaps what is mapped in the range; pages written by the device become dirty. */
  unmap(first: number, pages: number): void
  /** Stops watching, unmaps everything; no callback runs after it. */
  close(): Promise<void>
}
