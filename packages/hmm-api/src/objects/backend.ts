import { Capabilities } from '../capability.js'
import { deviceOptions } from '../config-devices.js'
import type { HmmConfig } from '../config-types.js'
import { HmmError } from '../error/hmm-error.js'
import type { Counters, Leak, TraceEvent } from '../event.js'
import type { RawBackend } from '../raw/raw-backend.js'
import { withEngine } from '../engine/with-engine.js'
import { hostModel } from '../model/host-model.js'
import { Clock } from '../sync/clock.js'
import { checkApiVersion } from '../version.js'
import { AddressSpace } from './address-space.js'
import { bounded } from '../sync/bounded.js'
import { checkName, checkOptions } from './check.js'
import { Context, type Misuse, type Wait } from './context.js'
import { Device } from './device.js'
import { Owned } from './owned.js'
import { RAW } from './raw-of.js'

/** What a closed backend reports. */
export interface LeakReport {
  /** What was not closed by its owner. */
  readonly leaks: readonly Leak[]
  /** Mistakes of the driver that could not be thrown where they happened. */
  readonly misuses: readonly Misuse[]
}

/**
 * A running implementation of the API: the simulation, a real kernel, or one of another package.
 * Made by `openBackend`; everything else is made from it.
 */
export class Backend extends Owned {
  readonly [RAW]: RawBackend
  readonly capabilities: Capabilities
  readonly clock: Clock
  readonly #config: HmmConfig
  readonly #devices = new Set<Device>()
  #closedDeviceFaults = 0

  /** @internal */
  constructor(raw: RawBackend, config: HmmConfig) {
    super(new Context(raw), undefined, 'backend', raw.name)
    checkApiVersion(raw)
    this[RAW] = raw
    this.capabilities = new Capabilities(`backend ${raw.name}`, raw.capabilities)
    this.clock = new Clock(this.context)
    this.#config = config
  }

  /**
   * Starts a process whose memory can be mirrored: simulated, or a real one that consents.
   *
   * Errors: EBADF (closed), ENOMEM, EAGAIN (no more processes).
   */
  createAddressSpace(options: { readonly name?: string } & Wait = {}): Promise<AddressSpace> {
    const name = options.name ?? 'process'
    const open = async (): Promise<AddressSpace> => {
      this.checkOpen('backend.createAddressSpace')
      checkOptions('backend.createAddressSpace', options, ['name'])
      checkName(name)
      const raw = await this[RAW].createAddressSpace({ name })
      return new AddressSpace(this, raw, name)
    }
    return bounded(this.context, 'backend.createAddressSpace', undefined, options, open, (late) =>
      late.close(),
    )
  }

  /**
   * Opens a device by its name in the config. `demo` exists on every backend without a config: a
   * device with an engine, memory of its own, and no registers.
   *
   * Errors: ENODEV (no such name, or not there), EBUSY (opened by somebody else), EACCES, EBADF.
   */
  openDevice(name: string, wait?: Wait): Promise<Device> {
    const open = async (): Promise<Device> => {
      this.checkOpen('backend.openDevice')
      checkName(name)
      const devices = this.#config.devices ?? {}
      const entry = Object.hasOwn(devices, name) ? devices[name] : undefined
      if (entry === undefined && name !== 'demo') {
        const known = [...new Set(['demo', ...Object.keys(devices)])].join(', ')
        throw new HmmError('ENODEV', {
          message: `no device '${name}' in the config`,
          hint: `Add it under devices in hmm.config, or open one of: ${known}.`,
        })
      }
      let raw = await this[RAW].openDevice(name, deviceOptions(entry, this[RAW].name))
      const { scheduler } = this[RAW]
      raw =
        entry?.model === undefined
          ? await withEngine(raw, scheduler)
          : await hostModel(entry.model, raw, scheduler)
      const device = new Device(this, raw, name)
      this.#devices.add(device)
      return device
    }
    return bounded(this.context, 'backend.openDevice', undefined, wait, open, (late) =>
      late.close(),
    )
  }

  /** What was counted since it was opened; a copy. */
  counters(): Counters {
    const counters = { ...this[RAW].counters() }
    counters.deviceFaults += this.#closedDeviceFaults
    for (const device of this.#devices) counters.deviceFaults += device.faultCount
    return counters
  }

  /** Calls `listener` for every trace event; returns a function that ends it. One at a time. */
  trace(listener: (event: TraceEvent) => void): () => void {
    this.checkOpen('backend.trace')
    this.#listen(listener)
    return () => {
      if (this.context.traceListener === listener) this.#listen(undefined)
    }
  }

  /** What its owners had not closed; complete once `close()` has resolved. */
  report(): LeakReport {
    const found = this[RAW].misuses?.() ?? []
    const misuses = [
      ...this.context.misuses,
      ...found.map((each) => ({ ...each, error: undefined })),
    ]
    return { leaks: this.leaks, misuses }
  }

  /** @internal */
  forget(device: Device): void {
    if (this.#devices.delete(device)) this.#closedDeviceFaults += device.faultCount
  }

  #listen(listener: ((event: TraceEvent) => void) | undefined): void {
    this.context.traceListener = listener
    this[RAW].trace(listener)
  }

  protected async doClose(): Promise<void> {
    this.addLeaks(await this[RAW].close())
  }
}
