import type { RawWait } from './raw-backend.js'
import type { RawMirror } from './raw-mirror.js'

/**
 * Result of one page of a migration; the index is the value in the result array.
 *
 * - `migrated`: moved with its data. `populated`: there was a hole, the destination is a new page of zeros.
 * - `declined`: the driver did not want it. `no-memory`: the destination had no free page.
 * - `already-there`: it was at the destination.
 * - `not-present`: nothing that could move: a hole on the way back, a swapped page, or one that was on
 *   its way to another place just then.
 * - `not-anonymous`: only anonymous memory goes to a device.
 * - `foreign-device`: it is in the memory of another device.
 * - `busy`: pinned, locked, on no list of reclaim, or changing hands; it may move later.
 * - `lost-race`: collected, but the process changed it before it moved; it stays (migrate_vma_pages).
 *
 * A migration runs beside the process. The kernel does not say why it left a page alone, so the reason is
 * what was there just before.
 */
export const MIGRATE_OUTCOMES = [
  'migrated',
  'populated',
  'declined',
  'already-there',
  'not-present',
  'not-anonymous',
  'foreign-device',
  'busy',
  'no-memory',
  'lost-race',
] as const
export type MigrateOutcome = (typeof MIGRATE_OUTCOMES)[number]

export interface RawMigrate {
  /** First page, as an index into the mirror. */
  readonly first: number
  readonly pages: number
  readonly to: 'device' | 'system'
  /** Page indexes of the range (from 0) that the driver declines. */
  readonly declined: readonly number[]
  /** log2 of the pages of the largest block that may move whole; 0: pages move one by one. */
  readonly order: number
}

/** What one call, or one CPU fault, moved. */
export interface RawMigrateReport {
  /** Index into `MIGRATE_OUTCOMES`, one per page. */
  readonly outcomes: Uint8Array
}

/**
 * `'private'`: the CPU does not reach the memory (MEMORY_DEVICE_PRIVATE). `'coherent'`: it does, as any
 * memory (MEMORY_DEVICE_COHERENT).
 */
export type DeviceMemoryKind = 'private' | 'coherent'

export interface RawDeviceMemory {
  readonly kind: DeviceMemoryKind
  /** Pages of device memory in all. */
  readonly pages: number
  freePages(): number
  /**
   * Migrates in one call (`migrate_vma_setup`, copy, `_pages`, `_finalize`), best effort per page.
   * A huge page inside the range, none of it declined, moves whole (`MIGRATE_VMA_SELECT_COMPOUND`)
   * where the backend can (limit `order` of the capability) and there is room for it; is split else.
   * EINVAL where the range has a hole, or lies in a VMA that cannot migrate (hugetlb, special).
   */
  migrate(mirror: RawMirror, request: RawMigrate, wait: RawWait): Promise<RawMigrateReport>
  /** Pages around the touched one that a CPU fault brings back with it, a power of 2; 1 = only it. */
  setCpuFaultPages(pages: number): void
  /** Called after CPU faults were served (`migrate_to_ram`): how many pages came back. */
  onCpuFault(listener: ((pages: number) => void) | undefined): void
  /** Brings every page of this device's memory back to the system; how many moved. */
  evict(wait: RawWait): Promise<number>
}
