import { HmmError, type DeviceConfig } from '@hmm-sdk/hmm-api'
import { checkDeviceConfigs } from '@hmm-sdk/hmm-api/raw'
import { checkDeviceOptions } from '../device/device-options.js'
import type { KernelProfile } from '../sim/kernel-profile.js'

/**
 * The devices of an exploration, checked before the first schedule: TypeError for a key that nobody
 * looks at and for an option that a simulated device does not have.
 */
export function checkDevices(
  devices: Readonly<Record<string, DeviceConfig>> | undefined,
  kernel: KernelProfile,
): Readonly<Record<string, DeviceConfig>> {
  checkDeviceConfigs(devices)
  for (const [name, { sim }] of Object.entries(devices ?? {})) {
    try {
      checkDeviceOptions(name, sim, kernel)
    } catch (error) {
      // What this kernel cannot do, the scenario is told when it opens the device.
      if (!HmmError.is(error)) throw error
    }
  }
  return devices ?? {}
}
