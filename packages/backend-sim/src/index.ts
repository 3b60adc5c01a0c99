/**
 * The simulation backend of hmm-api: the kernel's memory management, devices and DMA in plain
 * TypeScript. Deterministic: no wall clock, no randomness but the seed's, no native code.
 *
 * Drivers use it through hmm-api (`openBackend()` is the simulation unless configured otherwise).
 * Tests reach behind it with `control(backend)`.
 */
import type { RawBackend } from '@hmm-sdk/hmm-api/raw'
import { SimBackend } from './sim/backend.js'
import { checkOptions, type SimulationOptions } from './sim/options.js'
import { Simulation } from './sim/simulation.js'

/** What hmm-api calls: a fresh simulation. Throws TypeError for options it does not know. */
export function createBackend(options: unknown): RawBackend {
  return new SimBackend(new Simulation(checkOptions(options)))
}

/** The same with typed options, for those who want a simulation and nothing else. */
export function createSimulation(options: SimulationOptions = {}): RawBackend {
  return createBackend(options)
}

export { control, type SimControl, type Usage } from './sim/control.js'
export type { MemoryEvents, MovingPages } from './sim/memory-events.js'
export { edu } from './models/edu.js'
export { DEFAULT_COSTS, type CostModel } from './sim/cost-model.js'
export { FAILURE_POINTS, type FailurePoint } from './sim/failure-point.js'
export { DMA_SHAPES, type DmaShape } from './dma/dma-shape.js'
export { DMA_CHECKS, type DmaCheck, type DmaReport } from './dma/dma-checker.js'
export type { SimDmaOptions } from './dma/dma-options.js'
export type { SimulationOptions } from './sim/options.js'
export type { KernelName } from './sim/kernel-profile.js'
export type { SimDeviceOptions } from './device/device-options.js'
