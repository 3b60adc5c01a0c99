import type { CapabilityTable } from '../capability.js'
import type { RawAddressSpace } from './raw-address-space.js'
import type { RawDeviceMemory } from './raw-device-memory.js'
import type { RawDma } from './raw-dma.js'
import type { RawEngine } from './raw-engine.js'
import type { RawMirror, RawMirrorCallbacks } from './raw-mirror.js'
import type { Access, FaultOutcome } from '../model/device-model.js'

export interface RawRegisters {
  /** Bytes of each BAR, by its number; 0 where there is none. */
  readonly bars: readonly number[]
  /** `width` is 4 or 8 bytes, `offset` aligned to it and inside the BAR. A number below 2^64. */
  read(bar: number, offset: number, width: 4 | 8): bigint
  write(bar: number, offset: number, width: 4 | 8, value: bigint): void
}

export interface RawInterrupts {
  readonly vectors: number
  /** One listener; called for each interrupt (several may coalesce into one call). */
  listen(listener: ((vector: number) => void) | undefined): void
}

/** A fault that the device reported and that waits for the driver. */
export interface RawDeviceFault {
  readonly id: number
  /** The address the device used, in its own terms (a virtual address, an offset in a region). */
  readonly address: bigint
  readonly access: Access
  /** Which queue, key, channel or process of the device. */
  readonly context: number
  /** Answers the device, once. */
  answer(outcome: FaultOutcome): void
}

export interface RawFaults {
  /** Called whenever faults are pending; `take` empties the buffer. */
  onPending(listener: (() => void) | undefined): void
  take(): RawDeviceFault[]
}

/** An opened device. What it does not have is undefined, and missing in its capabilities. */
export interface RawDevice {
  readonly id: number
  /** PCI `vendor:device` in lower-case hex, such as `'1234:11e8'`; undefined for others. */
  readonly pciId: string | undefined
  readonly capabilities: CapabilityTable
  readonly dma: RawDma
  readonly registers?: RawRegisters | undefined
  readonly interrupts?: RawInterrupts | undefined
  readonly faults?: RawFaults | undefined
  readonly engine?: RawEngine | undefined
  readonly memory?: RawDeviceMemory | undefined
  /**
   * Watches `pages` pages of `space` from `startPage` (`mmu_interval_notifier_insert`).
   * ESRCH when the process is gone.
   */
  createMirror(
    space: RawAddressSpace,
    startPage: number,
    pages: number,
    callbacks: RawMirrorCallbacks,
  ): Promise<RawMirror>
  /** Stops the device and frees all it made. What was left open is returned. */
  close(): Promise<readonly { kind: string; name: string }[]>
}
