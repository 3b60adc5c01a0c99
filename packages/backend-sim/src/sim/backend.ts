import { HmmError, supported, type Counters, type Leak, type TraceEvent } from '@hmm-sdk/hmm-api'
import {
  hostModel,
  type RawAddressSpace,
  type RawBackend,
  type RawDevice,
} from '@hmm-sdk/hmm-api/raw'
import { checkDeviceOptions } from '../device/device-options.js'
import { SimDevice } from '../device/sim-device.js'
import { withoutEngine } from '../device/without-engine.js'
import { POINT_DEVICE_OPEN, POINT_PROCESS_START } from './failure-point.js'
import type { DmaReport } from '../dma/dma-checker.js'
import type { Simulation } from './simulation.js'

/** The simulation as a backend of hmm-api. */
export class SimBackend implements RawBackend {
  readonly name = 'sim'
  /** What this package was built for; not what happens to be installed. */
  readonly apiVersion = '0.1.0'
  readonly capabilities = { 'invalidate.inside': supported(), 'physical-addresses': supported() }
  readonly simulation: Simulation

  constructor(simulation: Simulation) {
    this.simulation = simulation
  }

  get scheduler() {
    return this.simulation.machine.scheduler
  }

  async createAddressSpace(options: { readonly name: string }): Promise<RawAddressSpace> {
    if (this.simulation.machine.failures.fails(POINT_PROCESS_START)) {
      throw new HmmError('EAGAIN', { message: `process '${options.name}' cannot be started` })
    }
    return this.simulation.newSpace(options.name)
  }

  async openDevice(name: string, options: unknown): Promise<RawDevice> {
    const { model, memory, dma } = checkDeviceOptions(name, options, this.simulation.options.kernel)
    if (this.simulation.machine.failures.fails(POINT_DEVICE_OPEN)) {
      throw new HmmError('EIO', { message: `device '${name}' does not answer` })
    }
    const device = new SimDevice(this.simulation, { name, memory, dma })
    this.simulation.devices.add(device)
    if (model === undefined) return device
    const hosted = await hostModel(model, device, this.scheduler)
    // A model is all that its driver sees; what moves its bytes belongs to the model.
    return withoutEngine(hosted)
  }

  async close(): Promise<readonly Leak[]> {
    const leaks = await this.simulation.close()
    this.simulation.retire()
    return leaks
  }

  counters(): Counters {
    return { ...this.simulation.machine.tracer.counters }
  }

  misuses(): readonly DmaReport[] {
    return this.simulation.machine.dma.checker.reports
  }

  newFlow(): number {
    return this.simulation.machine.tracer.newFlow()
  }

  trace(listener: ((event: TraceEvent) => void) | undefined): void {
    this.simulation.machine.tracer.listener = listener
  }
}
