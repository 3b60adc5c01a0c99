/** Why pages were invalidated: the kernel's `enum mmu_notifier_event`. */
export type InvalidateKind =
  | 'unmap'
  | 'clear'
  | 'protection-vma'
  | 'protection-page'
  | 'soft-dirty'
  | 'release'
  | 'migrate'
  | 'exclusive'

/**
 * The calls of a driver that led to a mistake, such as `send (file:///driver.ts:12:7)`, as far as they
 * are known: the simulation records them if it is told to, and while it is traced.
 */
export interface MisuseSites {
  /** Where the memory was mapped, linked or allocated. */
  readonly mapped?: string | undefined
  /** Where that was undone. */
  readonly unmapped?: string | undefined
  /** The call that the report is about. */
  readonly misused?: string | undefined
}

declare const FLOW: unique symbol

/**
 * Number that ties a device fault to all that follows from it, above 0 and unique in its backend:
 * `DeviceFault.flow`. Calls that the driver makes because of the fault take it as option `flow`.
 */
export type Flow = number & { readonly [FLOW]: true }

/**
 * What happened, for traces, counters and replay: the same on every backend.
 *
 * `flow` ties one device fault to all that followed from it: the driver gives `DeviceFault.flow` to
 * the calls that it makes for it. On the simulation what is not of a fault has the number of its
 * call; 0 where nothing is known. `space`, `device` and `mirror` are the raw ids. Pages are page numbers.
 */
export type TraceEvent = { readonly at: number; readonly flow: number } & (
  | {
      type: 'range-invalidate'
      space: number
      mirror: number
      kind: InvalidateKind
      page: number
      pages: number
      self: boolean
    }
  | { type: 'range-fault'; mirror: number; page: number; pages: number; outcome: string }
  | { type: 'dma-map'; device: number; mirror: number; page: number; pages: number }
  | {
      type: 'dma-unmap'
      device: number
      mirror: number
      page: number
      pages: number
      cause: 'revoke' | 'unmap' | 'undo' | 'close'
    }
  | {
      type: 'page-migrate'
      device: number
      mirror: number
      page: number
      pages: number
      to: 'device' | 'system'
      cause: 'call' | 'cpu-fault' | 'evict'
    }
  | { type: 'device-fault'; device: number; address: bigint; access: string; source: string }
  | {
      /** A fault that reached the driver: its flow begins. */
      type: 'fault-report'
      device: number
      fault: number
      address: bigint
      access: string
      context: number
    }
  | {
      /** The driver's answer: its flow ends. */
      type: 'fault-answer'
      device: number
      fault: number
      outcome: 'resolved' | 'failed'
    }
  | { type: 'space-release'; space: number }
  | { type: 'misuse'; check: string; text: string; sites?: MisuseSites }
)

/** What an object or backend has counted since it was opened. */
export interface Counters {
  /** Device accesses that found no translation. */
  deviceFaults: number
  /** Pages of mirrored ranges mapped for DMA and committed. */
  pagesMapped: number
  /** Pages of mirrored ranges unmapped, by the driver or by revocation. */
  pagesUnmapped: number
  /** Invalidations delivered to mirrors. */
  invalidations: number
  pagesMigratedToDevice: number
  pagesMigratedToSystem: number
}

/** Something that was not closed by its owner, but by the close of what it belongs to. */
export interface Leak {
  /** What it is, such as `'mirror'` or `'dma-mapping'`. */
  readonly kind: string
  /** Which one: its name or range. */
  readonly name: string
}
