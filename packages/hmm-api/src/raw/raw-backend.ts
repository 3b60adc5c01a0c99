import type { CapabilityTable } from '../capability.js'
import type { Counters, Leak, MisuseSites, TraceEvent } from '../event.js'
import type { RawAddressSpace } from './raw-address-space.js'
import type { RawDevice } from './raw-device.js'
import type { RawScheduler } from './raw-scheduler.js'

/** What every waiting raw call is given; both are checked by the backend while it waits. */
export interface RawWait {
  /** Aborts the wait: the call fails with EINTR, whose cause is the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds from now, by the backend's clock; then EBUSY (range work) or ETIMEDOUT. */
  readonly deadlineMs?: number | undefined
  /** Of mirrored maps, range faults and migrations: the `flow` of their trace events. */
  readonly flow?: number | undefined
}

/**
 * What a backend implements. hmm-api checks arguments and states first, so a raw method gets
 * exactly what its types say: aligned page numbers, non-empty ranges, objects that are open.
 *
 * Errors: throw (or reject with) `HmmError` with the code, and `page`, `hint`, `message` where
 * only the backend knows them; hmm-api adds operation, range and backend name.
 */
export interface RawBackend {
  /** Short name for messages: `'sim'`, `'kernel'`. */
  readonly name: string
  /** The `API_VERSION` it was built for. */
  readonly apiVersion: string
  readonly capabilities: CapabilityTable
  readonly scheduler: RawScheduler
  createAddressSpace(options: { readonly name: string }): Promise<RawAddressSpace>
  /** `options` is what the config gives this backend for that device; ENODEV if there is none. */
  openDevice(name: string, options: unknown): Promise<RawDevice>
  /** All open objects were closed before. Returns what the backend itself finds leaked. */
  close(): Promise<readonly Leak[]>
  counters(): Counters
  /** Mistakes of drivers that the backend found by itself, also told as `misuse` events. */
  misuses?(): readonly {
    readonly check: string
    readonly text: string
    readonly sites?: MisuseSites
  }[]
  /**
   * A number for a device fault that reached the driver, unlike those that the backend gives to
   * anything else; 1, 2, 3... if it gives none.
   */
  newFlow?(): number
  /** Trace events go to `listener` from now on, or nowhere. */
  trace(listener: ((event: TraceEvent) => void) | undefined): void
}

/** What a backend package exports, under the name `createBackend`. */
export type CreateBackend = (options: unknown) => RawBackend | Promise<RawBackend>
