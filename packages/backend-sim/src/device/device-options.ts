import { HmmError, type DeviceModel } from '@hmm-sdk/hmm-api'
import type { DeviceMemoryKind } from '@hmm-sdk/hmm-api/raw'
import { checkDmaOptions, type DmaOptions, type SimDmaOptions } from '../dma/dma-options.js'
import { edu } from '../models/edu.js'
import type { KernelProfile } from '../sim/kernel-profile.js'
import { checkKeys, checkNumber, isEmpty } from '../sim/options.js'
import type { MemoryOptions } from './device-memory.js'

/** Options of a simulated device (`devices.NAME.sim` in the config). */
export interface SimDeviceOptions {
  /** What the device is: QEMU's `edu`, or a model of your own; plain with an engine if left out. */
  readonly model?: 'edu' | DeviceModel
  /** Pages of memory of its own. Default 4096; 0 for a device with a model, and on Linux 6.12. */
  readonly memoryPages?: number
  /**
   * `'private'` (the default): the CPU does not reach that memory, and its touch brings pages back.
   * `'coherent'`: it reaches it as any memory, and pages stay until they are moved.
   */
  readonly memoryKind?: DeviceMemoryKind
  /** What stands between the device and memory. Default `{ shape: 'iommu' }`. */
  readonly dma?: SimDmaOptions
}

export interface CheckedDeviceOptions {
  readonly model: DeviceModel | undefined
  readonly memory: MemoryOptions
  readonly dma: DmaOptions
}

/** Devices without options are alike, and there are many of them. */
const WITH_MEMORY: { checked?: CheckedDeviceOptions } = {}
const WITHOUT_MEMORY: { checked?: CheckedDeviceOptions } = {}

/** Throws TypeError for an unknown key or a value that an option cannot have. */
export function checkDeviceOptions(
  name: string,
  given: unknown,
  kernel: KernelProfile,
): CheckedDeviceOptions {
  if (isEmpty(given)) {
    const usual = kernel.deviceMemory ? WITH_MEMORY : WITHOUT_MEMORY
    return (usual.checked ??= Object.freeze(checkGiven(name, undefined, kernel)))
  }
  return checkGiven(name, given, kernel)
}

function checkGiven(name: string, given: unknown, kernel: KernelProfile): CheckedDeviceOptions {
  const what = `device '${name}'`
  const options = checkKeys(what, given, ['model', 'memoryPages', 'memoryKind', 'dma'])
  const model = checkModel(what, options['model'])
  const dma = checkDmaOptions(`${what}: dma`, options['dma'])
  const usual = model === undefined && kernel.deviceMemory ? 4096 : 0
  const pages = options['memoryPages'] ?? usual
  const memoryPages = checkNumber(`${what}: memoryPages`, pages, 0, 2 ** 22)
  if (memoryPages > 0 && !kernel.deviceMemory) {
    throw new HmmError('EOPNOTSUPP', {
      message: `Linux ${kernel.name} has no device-private memory that a module could use`,
      hint: "Simulate a newer one (kernel: '7.3'), or open the device without memoryPages.",
    })
  }
  const kind = checkKind(what, options['memoryKind'] ?? 'private')
  return { model, memory: { pages: memoryPages, kind }, dma }
}

function checkKind(what: string, kind: unknown): DeviceMemoryKind {
  if (kind === 'private' || kind === 'coherent') return kind
  throw new TypeError(`${what}: memoryKind is 'private' or 'coherent', not ${String(kind)}`)
}

function checkModel(what: string, model: unknown): DeviceModel | undefined {
  if (model === undefined) return undefined
  if (model === 'edu') return edu
  if (typeof model === 'object' && model !== null && 'match' in model && 'start' in model) {
    return model as DeviceModel
  }
  throw new TypeError(`${what}: model is 'edu' or the result of defineDevice`)
}
