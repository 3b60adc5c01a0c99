import { unsupported } from '@hmm-sdk/hmm-api'
import type { RawDevice } from '@hmm-sdk/hmm-api/raw'

/** `device` as its driver sees it: the engine below its model is not for the driver. */
export function withoutEngine(device: RawDevice): RawDevice {
  const missing = unsupported(
    'bytes move by the registers of the device only',
    'Drive the device through device.registers.',
  )
  return {
    ...device,
    engine: undefined,
    capabilities: {
      ...device.capabilities,
      engine: missing,
      'engine.atomics': missing,
      'deviceFault.exact': unsupported(
        'the device has no error status: what a transfer met at the IOMMU stays there',
        'Compare dma.revocations before and after, as the engine of hmm-api does.',
      ),
    },
  }
}
