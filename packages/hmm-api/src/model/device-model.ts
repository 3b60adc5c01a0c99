import type { DmaAddress } from '../address/address.js'

/** How a device uses an address. */
export type Access = 'read' | 'write' | 'atomic' | 'prefetch'

/** How the driver answered a device fault: access again, or fail what needed it. */
export type FaultOutcome = 'resolved' | 'failed'

/**
 * The outside of a device model: memory by DMA address, interrupts, faults. What runs below it is
 * the simulation's IOMMU, or on the kernel backend a real engine behind a real IOMMU.
 */
export interface Bus {
  /** Reads memory. Rejects with HmmError EFAULT if the address is not mapped or was revoked. */
  read(address: DmaAddress, length: number): Promise<Uint8Array>
  /** Writes memory. Rejects with HmmError EFAULT if it is not mapped for writing or was revoked. */
  write(address: DmaAddress, bytes: Uint8Array): Promise<void>
  /** Atomic add to an aligned 32-bit word of an exclusive page; the value before. */
  fetchAdd(address: DmaAddress, delta: number): Promise<number>
  /** Raises interrupt `vector` (0 by default). */
  interrupt(vector?: number): void
  /**
   * Reports a translation miss and waits for the driver's answer. `address` and `context` are in
   * the device's own terms. Resolves to `'failed'` when the device is reset or closed.
   */
  fault(request: { address: bigint; access: Access; context: number }): Promise<FaultOutcome>
  /** Waits, in the backend's time. */
  sleep(ms: number): Promise<void>
  /** Starts work that goes on after a register access; a rejection stops the device with its cause. */
  run(name: string, work: () => Promise<void>): void
}

/** The register side of a running model. `width` is 4 or 8 bytes, `offset` aligned to it. */
export interface DevicePorts {
  read(bar: number, offset: number, width: 4 | 8): bigint
  write(bar: number, offset: number, width: 4 | 8, value: bigint): void
  /** Back to the state after power on; outstanding work ends. */
  reset(): void
}

/** A device written in TypeScript: the far end of a driver. */
export interface DeviceModel {
  readonly name: string
  /** PCI `vendor:device` in lower-case hex. */
  readonly match: string
  /** Bytes of each BAR. */
  readonly bars: readonly number[]
  /** Number of interrupt vectors, 1 if left out. */
  readonly vectors?: number
  /** Starts one instance on its bus. */
  start(bus: Bus): DevicePorts
}

/**
 * Defines a device model. Throws TypeError for an id or BAR size that no device can have.
 *
 * The same model runs on every backend that has an engine: in the simulation below its IOMMU, on
 * the kernel backend with a real device moving the bytes.
 */
export function defineDevice(model: DeviceModel): DeviceModel {
  if (!/^[0-9a-f]{4}:[0-9a-f]{4}$/.test(model.match)) {
    throw new TypeError(`device '${model.name}': match '${model.match}' is not like '1234:11e8'`)
  }
  for (const bytes of model.bars) {
    if (!Number.isInteger(Math.log2(bytes)) || bytes < 16) {
      throw new TypeError(`device '${model.name}': a BAR has a power of two bytes, not ${bytes}`)
    }
  }
  return Object.freeze({ ...model })
}
