import { z } from 'zod'
import type { DeviceModel } from '../model/device-model.js'

const device = z
  .strictObject({
    model: z
      .custom<DeviceModel>(
        (value) => typeof (value as DeviceModel | null)?.start === 'function',
        'is not a device model: make one with defineDevice',
      )
      .optional(),
    sim: z.unknown().optional(),
    kernel: z.unknown().optional(),
    backends: z.record(z.string(), z.unknown()).optional(),
  })
  .transform(({ backends, ...rest }) => ({ ...backends, ...rest }))

/** What a config file may hold; what a backend makes of its own part is checked by the backend. */
export const configSchema = z.strictObject({
  backend: z.string().min(1).optional(),
  devices: z.record(z.string(), device).optional(),
  sim: z.unknown().optional(),
  kernel: z.unknown().optional(),
  backends: z.record(z.string(), z.unknown()).optional(),
})
