import type { RawDeviceMemory } from '../../raw/raw-device-memory.js'
import type { BrokenBackend } from './broken-backend.js'
import { decorate } from './decorate.js'

export const coherentMemoryFaults: BrokenBackend = {
  name: 'coherent-memory-faults',
  breaks: 'a touch of the CPU brings device-coherent pages back, as if it could not reach them',
  memoryKind: 'coherent',
  caughtBy: 'memory/coherent/read-and-written-where-it-is',
  wrap: (raw) => {
    const memories = new Set<RawDeviceMemory>()
    return decorate(raw, {
      device: (device) => {
        if (device.memory !== undefined) memories.add(device.memory)
        return {}
      },
      space: (space) => ({
        read: async (...access) => {
          for (const memory of memories) await memory.evict({})
          return space.read(...access)
        },
      }),
    })
  },
}
