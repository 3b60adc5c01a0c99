import type { Tracer } from '../sim/tracer.js'
import type { MisuseSites } from '@hmm-sdk/hmm-api'
import type { CallSites } from './call-sites.js'

/** Everything that the checker finds, with the way to fix it. */
export const DMA_CHECKS = {
  'use-after-unmap':
    'Stop the device, or wait until it is done, before the memory is unmapped, unlinked or closed.',
  'beyond-mapping': 'Give the device the length of the mapping, or map all that it accesses.',
  'wrong-direction': "Map what the device writes as 'from-device' or 'bidirectional'.",
  'missing-sync-cpu': "Call mapping.sync('cpu') before the CPU reads what the device wrote.",
  'missing-sync-device': "Call mapping.sync('device') after the CPU wrote what the device reads.",
  'stale-translation':
    'Wait until the device is done before unmap; lazy flushing hides that until it corrupts memory.',
  'overlapping-mapping': 'Map memory that a device writes once at a time; unmap the first.',
  'too-many-overlaps': 'Share one mapping of the memory instead of mapping it again and again.',
  'unmap-twice': 'Call unmap() once; keep the mapping in the object that owns the transfer.',
  'sync-unmapped': 'Sync while it is mapped; unmap does what sync does for the CPU.',
  'sync-outside': 'Sync bytes of the mapping only.',
  'sync-cpu-to-device': "Leave it out: the device does not write what is mapped 'to-device'.",
  'sync-device-from-device':
    "Leave it out, or map 'bidirectional': the device does not read what is mapped 'from-device'.",
  'pool-use-after-free':
    'Free a block of a pool when the device is done with it; the next alloc hands it out again.',
  'pool-free-twice': 'Call free() once; keep the block in the object that owns the descriptor.',
  'live-at-close': 'Unmap and close everything before the device is closed.',
  'link-twice': 'Unlink the page first; linking never replaces.',
  'unlink-not-linked': 'Unlink exactly what was linked, once.',
  'window-not-synced': 'Call window.sync() after the last link and before the device is started.',
  'sync-not-linked': 'Link pages of the window first, and sync what was linked.',
  'window-outside': 'Link, sync and unlink pages of the window only.',
  'freed-while-linked': 'Unlink a buffer from all windows before it is closed.',
} as const
export type DmaCheck = keyof typeof DMA_CHECKS

/** One mistake of a driver. */
export interface DmaReport {
  readonly check: DmaCheck
  /** What happened, where, and how to fix it. */
  readonly text: string
  /** With `sim.recordCallSites`, or while the backend is traced. */
  readonly sites?: MisuseSites
}

/** Reports that are kept; all are counted. */
const MOST_REPORTS = 1000

/** Collects what drivers do wrong with DMA. Always on; it never switches itself off. */
export class DmaChecker {
  readonly #tracer: Tracer
  readonly #sites: CallSites
  readonly #counts = new Map<DmaCheck, number>()
  #reports: DmaReport[] | undefined

  constructor(tracer: Tracer, sites: CallSites) {
    this.#tracer = tracer
    this.#sites = sites
  }

  /** The first thousand, in the order in which they were found. */
  get reports(): readonly DmaReport[] {
    return this.#reports ?? []
  }

  /** How often each check found something; those that found nothing are left out. */
  get counts(): Partial<Record<DmaCheck, number>> {
    return Object.fromEntries(this.#counts)
  }

  /** `known` is what is known of the mapping; `here` the call, if that is not the one that runs. */
  report(check: DmaCheck, what: string, known?: MisuseSites, here?: string): void {
    this.#counts.set(check, (this.#counts.get(check) ?? 0) + 1)
    const text = `${what}. ${DMA_CHECKS[check]}`
    this.#reports ??= []
    const report: DmaReport = this.#sites.recording
      ? { check, text, sites: { ...known, misused: here ?? this.#sites.here() } }
      : { check, text }
    if (this.#reports.length < MOST_REPORTS) this.#reports.push(report)
    this.#tracer.emit({ type: 'misuse', ...report })
  }
}
