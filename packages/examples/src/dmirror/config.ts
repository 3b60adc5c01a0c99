import {
  HmmError,
  type Backend,
  type Device,
  type DeviceMemoryKind,
  type HmmConfig,
} from '@hmm-sdk/hmm-api'

/** Pages of memory of each device: the largest buffer of the tests, twice. */
const MEMORY_PAGES = 4096
const UNITS = [0, 1]

/**
 * Two devices, as the kernel's test driver has; both also without memory, see `openDmirror`.
 * `memoryKind`: what their memory is, the variants of its tests.
 */
export function dmirrorConfig(
  user: HmmConfig = {},
  memoryKind: DeviceMemoryKind = 'private',
): HmmConfig {
  const devices = { ...user.devices }
  for (const unit of UNITS) {
    for (const memoryPages of [MEMORY_PAGES, 0]) {
      devices[nameOf(unit, memoryPages)] = {
        sim: { memoryPages, memoryKind },
        kernel: { soft: true, memoryPages, memoryKind },
      }
    }
  }
  return { ...user, devices }
}

/** Opens a device, with memory where there can be any: old kernels have none for devices. */
export async function openDmirror(backend: Backend, unit: number): Promise<Device> {
  try {
    return await backend.openDevice(nameOf(unit, MEMORY_PAGES))
  } catch (error) {
    if (!HmmError.is(error, 'EOPNOTSUPP')) throw error
    return backend.openDevice(nameOf(unit, 0))
  }
}

function nameOf(unit: number, memoryPages: number): string {
  return `dmirror${unit}${memoryPages === 0 ? '-bare' : ''}`
}
