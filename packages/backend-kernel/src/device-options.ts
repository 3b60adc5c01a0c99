import { inspect } from 'node:util'
import { HmmError } from '@hmm-sdk/hmm-api'
import type { DeviceMemoryKind } from '@hmm-sdk/hmm-api/raw'
import * as uapi from './uapi.js'

/** How a device of the config is found on this backend. */
export type KernelDeviceOptions =
  | {
      /** `'1234:11e8'` (the first that is free), or the address `'0000:00:03.0'`. */
      readonly pci: string
    }
  | {
      /** The software device of the module. */
      readonly soft: true
      /** Pages of memory of its own; 0 if left out. */
      readonly memoryPages?: number
      /**
       * `'private'` (the default): the CPU does not reach that memory. `'coherent'`: it does; only where
       * memory is reserved for it (capability `memory.coherent`).
       */
      readonly memoryKind?: DeviceMemoryKind
    }

/** What `demo` is without a config: the software device with memory, if the kernel can. */
const DEMO_MEMORY_PAGES = 4096

/** The fields of DEVICE_OPEN. */
export interface OpenRequest {
  readonly kind: number
  readonly flags?: number
  readonly vendor?: number
  readonly device?: number
  readonly pciAddress?: number
  readonly memoryPages?: number
}

/** Checks the options of device `name`. TypeError for what they cannot be, ENODEV for none. */
export function openRequest(name: string, options: unknown, canMemory: boolean): OpenRequest {
  if (options === undefined) {
    if (name === 'demo') {
      return { kind: uapi.DEVICE_SOFT, memoryPages: canMemory ? DEMO_MEMORY_PAGES : 0 }
    }
    throw new HmmError('ENODEV', {
      message: `the config says nothing about device '${name}' for the kernel backend`,
      hint: `Add devices.${name}.kernel: { pci: '1234:11e8' } or { soft: true } to hmm.config.`,
    })
  }
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`device '${name}': kernel options are an object, not ${inspect(options)}`)
  }
  const {
    pci,
    soft,
    memoryPages,
    memoryKind = 'private',
    ...rest
  } = options as Record<string, unknown>
  const unknown = Object.keys(rest)
  if (unknown.length > 0) {
    throw new TypeError(
      `device '${name}': unknown kernel option '${unknown.join("', '")}' (known: pci, soft, memoryPages, memoryKind)`,
    )
  }
  if ((pci === undefined) === (soft !== true)) {
    throw new TypeError(`device '${name}': give either pci: '...' or soft: true`)
  }
  if (pci !== undefined) {
    if (memoryPages !== undefined || memoryKind !== 'private') {
      throw new TypeError(`device '${name}': memoryPages and memoryKind go with soft: true only`)
    }
    return pciRequest(name, pci)
  }
  const pages = memoryPages ?? 0
  if (!Number.isInteger(pages) || (pages as number) < 0) {
    throw new TypeError(`device '${name}': memoryPages is a number of pages, not ${inspect(pages)}`)
  }
  if (memoryKind !== 'private' && memoryKind !== 'coherent') {
    throw new TypeError(
      `device '${name}': memoryKind is 'private' or 'coherent', not ${inspect(memoryKind)}`,
    )
  }
  const coherent = memoryKind === 'coherent' && pages !== 0
  return {
    kind: uapi.DEVICE_SOFT,
    ...(coherent ? { flags: uapi.OPEN_COHERENT } : {}),
    memoryPages: pages as number,
  }
}

function pciRequest(name: string, pci: unknown): OpenRequest {
  const text = String(pci).toLowerCase()
  const id = /^([0-9a-f]{4}):([0-9a-f]{4})$/.exec(text)
  if (id !== null) {
    const [vendor, device] = id.slice(1).map((part) => Number.parseInt(part, 16))
    return { kind: uapi.DEVICE_PCI, vendor: vendor as number, device: device as number }
  }
  const address = /^([0-9a-f]{4}):([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/.exec(text)
  if (address === null) {
    throw new TypeError(
      `device '${name}': pci is like '1234:11e8' or '0000:00:03.0', not ${inspect(pci)}`,
    )
  }
  const [domain, bus, slot, fn] = address.slice(1).map((part) => Number.parseInt(part, 16)) as [
    number,
    number,
    number,
    number,
  ]
  const pciAddress = ((domain << 16) | (bus << 8) | (slot << 3) | fn) >>> 0
  return { kind: uapi.DEVICE_PCI, flags: uapi.OPEN_BY_ADDRESS, pciAddress }
}
