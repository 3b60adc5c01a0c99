import type { DeviceModel } from './model/device-model.js'

/** One device of the config: how each backend finds it, by the backend's name. */
export interface DeviceConfig {
  /**
   * A device model that stands before the device on every backend: the driver sees the model's
   * registers, interrupts and faults; bytes move through the DMA of the device below.
   */
  readonly model?: DeviceModel | undefined
  /** Options of the simulation, see @hmm-sdk/backend-sim; such as `{ model: 'edu' }`. */
  readonly sim?: unknown
  /** Options of the kernel backend, see @hmm-sdk/backend-kernel; such as `{ pci: '1234:11e8' }`. */
  readonly kernel?: unknown
  /** Options of third-party backends, by the backend's name. */
  readonly backends?: Readonly<Record<string, unknown>> | undefined
}

/** What `hmm.config.{ts,mjs,json}` exports by default. Unknown keys are errors. */
export interface HmmConfig {
  /** `'sim'` (default), `'kernel'`, or the package name of a third-party backend. */
  readonly backend?: string | undefined
  readonly devices?: Readonly<Record<string, DeviceConfig>> | undefined
  /** Options of the simulation: seed, DMA shape, kernel profile. See @hmm-sdk/backend-sim. */
  readonly sim?: unknown
  /** Options of the kernel backend. See @hmm-sdk/backend-kernel. */
  readonly kernel?: unknown
  /** Options of third-party backends, by package name. */
  readonly backends?: Readonly<Record<string, unknown>> | undefined
}
