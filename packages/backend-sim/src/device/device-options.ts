import type { DeviceModel } from '@hmm-sdk/hmm-api'
import { checkDmaOptions, type DmaOptions, type SimDmaOptions } from '../dma/dma-options.js'
import { edu } from '../models/edu.js'
import { checkKeys, checkNumber } from '../sim/options.js'

/** Options of a simulated device (`devices.NAME.sim` in the config). */
export interface SimDeviceOptions {
  /** What the device is: QEMU's `edu`, or a model of your own; plain with an engine if left out. */
  readonly model?: 'edu' | DeviceModel
  /** Pages of device-private memory. Default 4096; 0 for a device with a model. */
  readonly memoryPages?: number
  /** What stands between the device and memory. Default `{ shape: 'iommu' }`. */
  readonly dma?: SimDmaOptions
}

export interface CheckedDeviceOptions {
  readonly model: DeviceModel | undefined
  readonly memoryPages: number
  readonly dma: DmaOptions
}

/** Throws TypeError for an unknown key or a value that an option cannot have. */
export function checkDeviceOptions(name: string, given: unknown): CheckedDeviceOptions {
  const what = `device '${name}'`
  const options = checkKeys(what, given, ['model', 'memoryPages', 'dma'])
  const model = checkModel(what, options['model'])
  const dma = checkDmaOptions(`${what}: dma`, options['dma'])
  const pages = options['memoryPages'] ?? (model === undefined ? 4096 : 0)
  return { model, memoryPages: checkNumber(`${what}: memoryPages`, pages, 0, 2 ** 22), dma }
}

function checkModel(what: string, model: unknown): DeviceModel | undefined {
  if (model === undefined) return undefined
  if (model === 'edu') return edu
  if (typeof model === 'object' && model !== null && 'match' in model && 'start' in model) {
    return model as DeviceModel
  }
  throw new TypeError(`${what}: model is 'edu' or the result of defineDevice`)
}
