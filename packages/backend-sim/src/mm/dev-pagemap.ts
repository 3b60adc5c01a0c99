import type { DeviceMemoryKind } from '@hmm-sdk/hmm-api/raw'
import type { Operation } from '../sim/operation.js'
import type { MemoryMap } from './memory-map.js'

/** Device memory as the core sees it: `struct dev_pagemap` and its operations. */
export interface DevPagemap {
  /** `pgmap->type`: MEMORY_DEVICE_PRIVATE or MEMORY_DEVICE_COHERENT. */
  readonly kind: DeviceMemoryKind
  /** Who may use the pages without a CPU fault; compared by identity (`pgmap->owner`). */
  readonly owner: object
  readonly firstFrame: number
  readonly frames: number
  /** The last reference to `frame` is gone. */
  frameFreed(frame: number): void
  /**
   * The CPU touched the device page at `page` of `mm`: brings it back. A `FAULT_*` code; 0 also
   * when nothing was moved and the access is to be tried again.
   */
  migrateToRam(mm: MemoryMap, page: number, frame: number): Operation<number>
}
