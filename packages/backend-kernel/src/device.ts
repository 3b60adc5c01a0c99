import { HmmError, type CapabilityTable, type Counters } from '@hmm-sdk/hmm-api'
import type {
  RawAddressSpace,
  RawDevice,
  RawEngine,
  RawInterrupts,
  RawMirror,
  RawMirrorCallbacks,
  RawRegisters,
} from '@hmm-sdk/hmm-api/raw'
import type { KernelAddressSpace } from './address-space.js'
import { check } from './call-error.js'
import { deviceCapabilities } from './capabilities.js'
import { addCounters, deviceCounters, noCounters } from './counters.js'
import type { Descriptor } from './descriptor.js'
import { DeviceInfo } from './device-info.js'
import { KernelDeviceMemory } from './device-memory.js'
import { KernelDma } from './dma.js'
import { KernelEngine } from './engine.js'
import { EventQueue } from './events.js'
import { FastMap } from './fast-map.js'
import { FastUnmap } from './fast-unmap.js'
import type { ModuleInfo } from './handshake.js'
import { KernelInterrupts } from './interrupts.js'
import { KernelMirror } from './mirror.js'
import { OpenObjects } from './open-objects.js'
import { KernelRegisters } from './registers.js'
import type { Tracer } from './trace.js'
import * as uapi from './uapi.js'

/** What a device needs of the backend. */
export interface DeviceHost {
  readonly info: ModuleInfo
  readonly tracer: Tracer
  /** Addresses that the agent may map, in pages: from, up to. */
  readonly window: readonly [from: number, to: number]
  nextId(): number
  forget(device: KernelDevice): void
}

/** An open device of the module. */
export class KernelDevice implements RawDevice {
  readonly id: number
  readonly pciId: string | undefined
  readonly capabilities: CapabilityTable
  readonly dma: KernelDma
  readonly registers?: RawRegisters
  readonly interrupts?: RawInterrupts
  readonly engine?: RawEngine
  readonly memory?: KernelDeviceMemory
  readonly events: EventQueue
  readonly #fastMap: FastMap
  readonly #fastUnmap: FastUnmap
  readonly #host: DeviceHost
  readonly #descriptor: Descriptor
  readonly #info: DeviceInfo
  readonly #open = new OpenObjects()
  readonly #mirrors = new Set<KernelMirror>()
  #final: Counters | undefined
  #closing: Promise<readonly { kind: string; name: string }[]> | undefined

  constructor(host: DeviceHost, descriptor: Descriptor) {
    this.id = host.nextId()
    this.#host = host
    this.#descriptor = descriptor
    const info = new DeviceInfo(descriptor)
    this.#info = info
    this.pciId = info.pciId
    const { tracer } = host
    const device = this.id
    let interrupts: KernelInterrupts | undefined
    const events = new EventQueue(descriptor, host.info.maxEvents, {
      interrupt: (vector) => interrupts?.deliver(vector),
      cpuFault: (pages) => this.memory?.cpuFault(pages),
      deviceFault: (event) => tracer.emit?.({ type: 'device-fault', device, ...event }),
    })
    this.events = events
    this.#fastMap = new FastMap(descriptor, events)
    this.#fastUnmap = new FastUnmap(descriptor)
    this.dma = new KernelDma(descriptor, info, host.info.pageShift, this.#open)
    this.capabilities = deviceCapabilities(info, host.info, this.dma)
    if (info.has(uapi.DEV_REGISTERS)) this.registers = new KernelRegisters(descriptor, info.bars)
    if (info.has(uapi.DEV_INTERRUPTS)) {
      interrupts = new KernelInterrupts(descriptor, info.vectors, info.has(uapi.DEV_INTX))
      this.interrupts = interrupts
    }
    if (info.has(uapi.DEV_ENGINE)) {
      const { maxEngineBytes } = host.info
      this.engine = new KernelEngine(descriptor, events, maxEngineBytes, info.has(uapi.DEV_ATOMICS))
    }
    if (info.has(uapi.DEV_MEMORY)) {
      const parts = { descriptor, events, tracer, device }
      const { maxMigratePages } = host.info
      this.memory = new KernelDeviceMemory(parts, info, maxMigratePages)
    }
  }

  async createMirror(
    space: RawAddressSpace,
    startPage: number,
    pages: number,
    callbacks: RawMirrorCallbacks,
  ): Promise<RawMirror> {
    this.#checkRange(startPage, pages)
    const owner = space as KernelAddressSpace
    const { info, tracer } = this.#host
    const mirror = new KernelMirror(
      {
        descriptor: this.#descriptor,
        events: this.events,
        fastMap: this.#fastMap,
        fastUnmap: this.#fastUnmap,
        tracer,
        device: this.id,
        space: space.id,
        waits: owner.waits,
        startPage,
        maxFaultPages: info.maxFaultPages,
        exclusive: this.#info.has(uapi.DEV_EXCLUSIVE),
      },
      this.#host.nextId(),
      pages,
      callbacks,
    )
    const values = { space: owner.space, startPage, pages }
    let id: number | undefined
    this.events.beginCreate()
    try {
      await this.#descriptor.onceAsync(
        uapi.IOC_MIRROR_CREATE,
        uapi.MirrorCreate,
        values,
        (result, call) => {
          check(result, { reason: call.get('reason') })
          id = call.get('mirror')
          const forget = this.#open.add('mirror', `${pages} pages of process ${owner.pid}`)
          this.#mirrors.add(mirror)
          mirror.attach({ id: mirror.id, mirror: id, slot: call.get('slot') }, () => {
            this.#mirrors.delete(mirror)
            forget()
          })
        },
      )
    } finally {
      this.events.endCreate(id, mirror)
    }
    this.events.drain()
    return mirror
  }

  /** What the module has counted for this device. */
  counters(): Counters {
    return this.#final ?? deviceCounters(this.#descriptor)
  }

  close(): Promise<readonly { kind: string; name: string }[]> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<readonly { kind: string; name: string }[]> {
    const left = this.#open.list()
    this.events.drain()
    this.#final = addCounters(noCounters(), deviceCounters(this.#descriptor))
    this.events.close()
    // The module stops the device, revokes everything and frees what is left, in that order.
    await this.#descriptor.close()
    this.#host.forget(this)
    return left
  }

  #checkRange(startPage: number, pages: number): void {
    const { maxMirrorPages } = this.#info
    if (pages > maxMirrorPages) {
      throw new HmmError('EOVERFLOW', {
        message: `${pages} pages are more than one mirror of this device watches (${maxMirrorPages})`,
        hint: 'Watch the parts that the device uses, each by a mirror of its own.',
      })
    }
    const [from, to] = this.#host.window
    if (startPage < from || startPage + pages > to) {
      throw new HmmError('EINVAL', {
        message: 'the range reaches into memory of the agent itself',
        hint: `Mirror what the process has mapped: pages 0x${from.toString(16)} to 0x${to.toString(16)}.`,
      })
    }
  }
}
