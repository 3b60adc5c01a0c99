import type { Flow, TraceEvent } from '../event.js'
import type { Access } from '../model/device-model.js'
import type { RawDeviceFault } from '../raw/raw-device.js'
import type { Device } from './device.js'
import { RAW } from './raw-of.js'

type Told<T> = T extends unknown ? Omit<T, 'at' | 'flow' | 'device'> : never
type FaultEvent = Told<Extract<TraceEvent, { type: 'fault-report' | 'fault-answer' }>>

/** An access of the device that found no translation, and that waits for the driver. */
export class DeviceFault {
  readonly #raw: RawDeviceFault
  readonly #device: Device
  /**
   * Give it to the calls that serve this fault, as their option `flow`: then their trace events, and
   * this fault's, say that they belong together.
   */
  readonly flow: Flow
  #answered = false

  /** @internal */
  constructor(raw: RawDeviceFault, device: Device) {
    this.#raw = raw
    this.#device = device
    this.flow = device.context.newFlow()
    if (device.context.traceListener === undefined) return
    const { id: fault, address, access, context } = raw
    this.#trace({ type: 'fault-report', fault, address, access, context })
  }

  /** Number of the fault, in the order the device reported them. */
  get id(): number {
    return this.#raw.id
  }

  /** The address the device used, in its own terms: a virtual address, an offset in a region. */
  get address(): bigint {
    return this.#raw.address
  }

  get access(): Access {
    return this.#raw.access
  }

  /** Which queue, key, channel or process of the device. */
  get context(): number {
    return this.#raw.context
  }

  get isAnswered(): boolean {
    return this.#answered
  }

  /** The translation is there: the device tries again. Only the first answer counts. */
  resolve(): void {
    this.#answer('resolved')
  }

  /** There will be none: the device fails what needed it. Only the first answer counts. */
  fail(): void {
    this.#answer('failed')
  }

  #answer(outcome: 'resolved' | 'failed'): void {
    if (this.#answered) return
    this.#answered = true
    if (this.#device.context.traceListener !== undefined) {
      this.#trace({ type: 'fault-answer', fault: this.id, outcome })
    }
    this.#raw.answer(outcome)
  }

  #trace(event: FaultEvent): void {
    const { context, [RAW]: raw } = this.#device
    const at = context.raw.scheduler.now()
    context.traceListener?.({ at, flow: this.flow, device: raw.id, ...event })
  }
}

/** The pending faults of one device, as batches. */
export class DeviceFaults {
  readonly #device: Device
  readonly #open = new Set<DeviceFault>()
  #count = 0
  #wake: () => void = () => undefined
  #consumed = false

  constructor(device: Device) {
    this.#device = device
  }

  /** How many faults reached the driver. */
  get count(): number {
    return this.#count
  }

  async *batches(signal: AbortSignal | undefined): AsyncGenerator<readonly DeviceFault[]> {
    const { context } = this.#device
    this.#device.checkOpen('device.faults')
    context.call('device.faults', undefined, () => this.#device.capabilities.require('faults'))
    if (this.#consumed) throw new TypeError('device.faults() has a consumer already')
    this.#consumed = true
    const raw = this.#device[RAW].faults
    const abort = (): void => this.#wake()
    signal?.addEventListener('abort', abort)
    raw?.onPending(() => this.#wake())
    try {
      while (this.#device.status === 'open' && !signal?.aborted) {
        const wait = context.raw.scheduler.createWait(`faults of ${this.#device.name}`)
        this.#wake = () => wait.wake()
        const taken = context.call('device.faults', undefined, () => raw?.take() ?? [])
        const batch = taken.map((each) => new DeviceFault(each, this.#device))
        if (batch.length > 0) {
          this.#count += batch.length
          for (const each of this.#open) if (each.isAnswered) this.#open.delete(each)
          for (const each of batch) this.#open.add(each)
          yield batch
        } else await wait.promise
      }
    } finally {
      raw?.onPending(undefined)
      signal?.removeEventListener('abort', abort)
      this.#consumed = false
    }
  }

  /** Fails what is open and ends the batches. */
  close(): void {
    for (const fault of this.#open) fault.fail()
    this.#wake()
  }
}
