import type { DmaAddress } from '../address/address.js'
import { supported } from '../capability.js'
import { extend, withEngine } from '../engine/with-engine.js'
import { HmmError } from '../error/hmm-error.js'
import type { RawDevice, RawDeviceFault } from '../raw/raw-device.js'
import type { RawEngine } from '../raw/raw-engine.js'
import type { RawScheduler } from '../raw/raw-scheduler.js'
import type { Bus, DeviceModel, DevicePorts, FaultOutcome } from './device-model.js'

/**
 * Runs `model` in front of `device`: the result has the model's registers, interrupts and faults,
 * and everything else of `device`, whose engine moves the model's bytes. ENXIO if it has none.
 */
export async function hostModel(
  model: DeviceModel,
  device: RawDevice,
  scheduler: RawScheduler,
): Promise<RawDevice> {
  const below = await withEngine(device, scheduler)
  if (below.engine === undefined) {
    throw new HmmError('ENXIO', {
      message: `device model '${model.name}' needs a device with an engine below it`,
      hint: 'Configure it on the simulation, the software device, or on edu (1234:11e8).',
    })
  }
  const host = new ModelHost(model, below, below.engine, scheduler)
  return extend(below, {
    pciId: model.match,
    capabilities: {
      ...below.capabilities,
      registers: supported({ bars: model.bars.length }),
      interrupts: supported({ vectors: model.vectors ?? 1 }),
      faults: supported(),
    },
    registers: {
      bars: model.bars,
      read: (bar, offset, width) => host.ports.read(bar, offset, width),
      write: (bar, offset, width, value) => host.ports.write(bar, offset, width, value),
    },
    interrupts: {
      vectors: model.vectors ?? 1,
      listen: (listener) => void (host.onInterrupt = listener),
    },
    faults: {
      onPending: (listener) => void (host.onPending = listener),
      take: () => host.takeFaults(),
    },
    close: async () => {
      await host.close()
      return below.close()
    },
  })
}

/** One running model: its bus, and the faults that wait for the driver. */
class ModelHost implements Bus {
  readonly ports: DevicePorts
  onInterrupt: ((vector: number) => void) | undefined
  onPending: (() => void) | undefined
  readonly #model: DeviceModel
  readonly #engine: RawEngine
  readonly #scheduler: RawScheduler
  readonly #pageBytes: bigint
  readonly #running = new Set<Promise<void>>()
  readonly #open = new Map<number, (outcome: FaultOutcome) => void>()
  #pending: RawDeviceFault[] = []
  #nextFault = 1
  #closed = false
  #broken: unknown

  constructor(model: DeviceModel, device: RawDevice, engine: RawEngine, scheduler: RawScheduler) {
    this.#model = model
    this.#engine = engine
    this.#scheduler = scheduler
    this.#pageBytes = 1n << BigInt(device.dma.limits.pageShift)
    this.ports = this.#guardPorts(model.start(this))
  }

  async read(address: DmaAddress, length: number): Promise<Uint8Array> {
    this.#checkRunning()
    this.#scheduler.explorer?.enter('bus.read')
    const parts: Uint8Array[] = []
    for (const { page, offset, at, bytes } of this.#pieces(address, length)) {
      const part = await this.#engine.read(page, offset, bytes)
      if (at === 0 && bytes === length) return part
      parts.push(part)
    }
    const all = new Uint8Array(length)
    let at = 0
    for (const part of parts) {
      all.set(part, at)
      at += part.length
    }
    return all
  }

  async write(address: DmaAddress, bytes: Uint8Array): Promise<void> {
    this.#checkRunning()
    this.#scheduler.explorer?.enter('bus.write')
    for (const piece of this.#pieces(address, bytes.length)) {
      const part = bytes.subarray(piece.at, piece.at + piece.bytes)
      await this.#engine.write(piece.page, piece.offset, part)
    }
  }

  async fetchAdd(address: DmaAddress, delta: number): Promise<number> {
    this.#checkRunning()
    this.#scheduler.explorer?.enter('bus.fetchAdd')
    if (this.#engine.fetchAdd === undefined) {
      throw new HmmError('EOPNOTSUPP', { message: 'the engine below has no atomics' })
    }
    const page = Number(address / this.#pageBytes)
    return this.#engine.fetchAdd(page, Number(address % this.#pageBytes), delta)
  }

  interrupt(vector = 0): void {
    // Never inside the register access that caused it: a driver may hold state half changed there.
    const raise = (): void => {
      if (!this.#closed) this.onInterrupt?.(vector)
    }
    const { explorer } = this.#scheduler
    if (explorer === undefined) void Promise.resolve().then(raise)
    else explorer.spawn(`interrupt of ${this.#model.name}`, raise, 'later')
  }

  async fault(request: Parameters<Bus['fault']>[0]): Promise<FaultOutcome> {
    if (this.#closed || this.#broken !== undefined) return 'failed'
    const id = this.#nextFault++
    const wait = this.#scheduler.createWait(`fault ${id} of ${this.#model.name}`)
    let outcome: FaultOutcome = 'failed'
    const answer = (given: FaultOutcome): void => {
      if (!this.#open.delete(id)) return
      outcome = given
      wait.wake()
    }
    this.#open.set(id, answer)
    this.#pending.push({ id, ...request, answer })
    this.onPending?.()
    await wait.promise
    return outcome
  }

  sleep(ms: number): Promise<void> {
    return this.#scheduler.sleep(ms)
  }

  run(name: string, work: () => Promise<void>): void {
    const { explorer } = this.#scheduler
    if (explorer === undefined) void this.#run(name, work)
    else explorer.spawn(`${name} of ${this.#model.name}`, () => this.#run(name, work), 'now')
  }

  /** Waits until `running` has ended; as a strand, while schedules are explored. */
  async #ended(running: Promise<void>): Promise<void> {
    if (this.#scheduler.explorer === undefined) return running
    const wait = this.#scheduler.createWait(`work of ${this.#model.name}`)
    void running.then(() => wait.wake())
    await wait.promise
  }

  #run(name: string, work: () => Promise<void>): Promise<void> {
    const running: Promise<void> = work()
      .catch((error: unknown) => {
        if (this.#closed) return
        this.#broken ??= new Error(`${name} of device model '${this.#model.name}' failed`, {
          cause: error,
        })
        // Who waits for the device, waits for its faults: there it is told.
        this.#failFaults()
        this.onPending?.()
      })
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
    return running
  }

  takeFaults(): RawDeviceFault[] {
    if (!this.#closed) this.#checkBroken()
    return this.#pending.splice(0)
  }

  /** Fails what waits for the driver and waits for the model's work to end. */
  async close(): Promise<void> {
    this.#closed = true
    this.#failFaults()
    this.ports.reset()
    for (const running of [...this.#running]) await this.#ended(running)
  }

  #failFaults(): void {
    this.#pending = []
    for (const answer of [...this.#open.values()]) answer('failed')
  }

  #guardPorts(ports: DevicePorts): DevicePorts {
    return {
      read: (bar, offset, width) => {
        this.#checkBroken()
        return ports.read(bar, offset, width)
      },
      write: (bar, offset, width, value) => {
        this.#checkBroken()
        ports.write(bar, offset, width, value)
      },
      reset: () => {
        this.#failFaults()
        ports.reset()
      },
    }
  }

  #checkBroken(): void {
    if (this.#broken === undefined) return
    throw new HmmError('EIO', {
      message: `device model '${this.#model.name}' stopped after an error of its own`,
      hint: 'See the cause; it is a bug of the device model.',
      cause: this.#broken,
    })
  }

  #checkRunning(): void {
    if (this.#closed) {
      throw new HmmError('ECANCELED', { message: `device '${this.#model.name}' is closed` })
    }
  }

  *#pieces(
    address: DmaAddress,
    length: number,
  ): Generator<{ page: number; offset: number; at: number; bytes: number }> {
    const page = Number(address / this.#pageBytes)
    const start = Number(address % this.#pageBytes)
    const size = Number(this.#pageBytes)
    for (let at = 0; at < length; at += this.#engine.maxBytes) {
      const from = start + at
      yield {
        page: page + Math.floor(from / size),
        offset: from % size,
        at,
        bytes: Math.min(this.#engine.maxBytes, length - at),
      }
    }
  }
}
