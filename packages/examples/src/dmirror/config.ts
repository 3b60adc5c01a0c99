import type { DeviceConfig, HmmConfig } from '@hmm-sdk/hmm-api'

/** Pages of memory of each device: the largest buffer of the tests, twice. */
const MEMORY_PAGES = 4096

const DEVICE: DeviceConfig = {
  sim: { memoryPages: MEMORY_PAGES },
  kernel: { soft: true, memoryPages: MEMORY_PAGES },
}

/** Two devices with memory, as the kernel's test driver has; both do without registers. */
export function dmirrorConfig(user: HmmConfig = {}): HmmConfig {
  return { ...user, devices: { ...user.devices, dmirror0: DEVICE, dmirror1: DEVICE } }
}
