import { supported, unsupported } from '../capability.js'
import type { RawDevice } from '../raw/raw-device.js'
import type { RawDma } from '../raw/raw-dma.js'
import type { RawScheduler } from '../raw/raw-scheduler.js'
import { EDU_ID, EduEngine } from './edu-engine.js'

/** The device with an engine, if it has one or if we know how to drive the one it has. */
export async function withEngine(device: RawDevice, scheduler: RawScheduler): Promise<RawDevice> {
  const { registers, interrupts } = device
  const isEdu = device.pciId === EDU_ID && registers !== undefined && interrupts !== undefined
  if (device.engine !== undefined || !isEdu) return device
  let engine: EduEngine
  try {
    engine = await EduEngine.open(device, registers, interrupts, scheduler)
  } catch (error) {
    // The platform cannot serve the few address bits of the device: its engine is of no use here.
    const reason = (error as Error).message
    return extend(device, {
      capabilities: { ...device.capabilities, engine: unsupported(reason) },
    })
  }
  const setMask = (bits: number): void => engine.setMask(bits)
  return extend(device, {
    engine,
    dma: withMask(device.dma, setMask),
    capabilities: { ...device.capabilities, engine: supported({ maxBytes: engine.maxBytes }) },
    close: async () => {
      await engine.close()
      return device.close()
    },
  })
}

/** `dma` with another `setMask`. */
function withMask(dma: RawDma, setMask: RawDma['setMask']): RawDma {
  return new Proxy(dma, {
    get(target, key) {
      if (key === 'setMask') return setMask
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** `device` with some members replaced; the others, methods too, are those of `device`. */
export function extend(device: RawDevice, members: Partial<RawDevice>): RawDevice {
  return {
    id: device.id,
    pciId: device.pciId,
    capabilities: device.capabilities,
    dma: device.dma,
    registers: device.registers,
    interrupts: device.interrupts,
    faults: device.faults,
    engine: device.engine,
    memory: device.memory,
    createMirror: (...args) => device.createMirror(...args),
    close: () => device.close(),
    ...members,
  }
}
