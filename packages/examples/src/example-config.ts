import type { DeviceConfig, HmmConfig } from '@hmm-sdk/hmm-api'
import { gpuModel } from './nouveau/gpu-model.js'
import { adapterModel } from './odp/adapter-model.js'

/**
 * The devices of the examples. The model is what the driver sees; below it, the backend's own
 * device moves the bytes: on the kernel backend QEMU's edu through the IOMMU, and the module's
 * software device.
 */
const DEVICES: Readonly<Record<string, DeviceConfig>> = {
  adapter: { model: adapterModel, sim: {}, kernel: { pci: '1234:11e8' } },
  gpu: { model: gpuModel, sim: { memoryPages: 1024 }, kernel: { soft: true, memoryPages: 1024 } },
}

/** The config of the user, if there is one, with the devices of the examples in it. */
export function exampleConfig(user: HmmConfig = {}): HmmConfig {
  const devices: Record<string, DeviceConfig> = { ...user.devices }
  for (const [name, device] of Object.entries(DEVICES)) {
    devices[name] = { ...device, ...user.devices?.[name] }
  }
  return { ...user, devices }
}
