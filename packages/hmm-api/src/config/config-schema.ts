import { z } from 'zod'

/** What a config file may hold; devices and what a backend makes of its own part are checked apart. */
export const configSchema = z.strictObject({
  backend: z.string().min(1).optional(),
  devices: z.unknown().optional(),
  sim: z.unknown().optional(),
  kernel: z.unknown().optional(),
  backends: z.record(z.string(), z.unknown()).optional(),
})
