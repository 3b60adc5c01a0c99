import { check } from './call-error.js'
import type { Descriptor } from './descriptor.js'
import * as uapi from './uapi.js'

/** DEVICE_INFO, once. */
export class DeviceInfo {
  readonly kind: number
  readonly vendor: number
  readonly device: number
  readonly vectors: number
  readonly bars: readonly number[]
  readonly domain: number
  readonly mirrorReason: number
  readonly memoryPages: number
  readonly memoryFree: number
  readonly maxMirrorPages: number
  readonly maxMappingBytes: number
  readonly #capabilities: number

  constructor(descriptor: Descriptor) {
    const call = descriptor.call(uapi.DeviceInfo)
    try {
      check(descriptor.run(uapi.IOC_DEVICE_INFO, call))
      this.kind = call.get('kind')
      this.#capabilities = call.get('capabilities')
      this.vendor = call.get('vendor')
      this.device = call.get('device')
      this.vectors = call.get('vectors')
      this.bars = Array.from({ length: 6 }, (_, index) => call.get('bars', index))
      this.domain = call.get('domain')
      this.mirrorReason = call.get('mirrorReason')
      this.memoryPages = call.get('memoryPages')
      this.memoryFree = call.get('memoryFree')
      this.maxMirrorPages = call.get('maxMirrorPages')
      // The module may say "no limit" with all bits set.
      this.maxMappingBytes = Number(
        minimum(call.getBig('maxMappingBytes'), BigInt(Number.MAX_SAFE_INTEGER)),
      )
    } finally {
      descriptor.end(call)
    }
  }

  /** Whether the device has a DEV_* capability. */
  has(capability: number): boolean {
    return (this.#capabilities & capability) !== 0
  }

  /** `'1234:11e8'`, or undefined for the software device. */
  get pciId(): string | undefined {
    if (this.kind !== uapi.DEVICE_PCI) return undefined
    const hex = (id: number): string => id.toString(16).padStart(4, '0')
    return `${hex(this.vendor)}:${hex(this.device)}`
  }
}

function minimum(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}
