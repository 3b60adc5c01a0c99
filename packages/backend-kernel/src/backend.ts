import {
  API_VERSION,
  type CapabilityTable,
  type Counters,
  type Leak,
  type TraceEvent,
} from '@hmm-sdk/hmm-api'
import type { RawAddressSpace, RawBackend, RawDevice } from '@hmm-sdk/hmm-api/raw'
import { KernelAddressSpace, type SpaceHost } from './address-space.js'
import { findAgent } from './agent-binary.js'
import { AgentClient, type AgentHello, type AgentReady } from './agent-client.js'
import { checkOptions } from './backend-options.js'
import { check } from './call-error.js'
import { backendCapabilities, spaceCapabilities } from './capabilities.js'
import { addCounters, noCounters } from './counters.js'
import { Descriptor } from './descriptor.js'
import { KernelDevice, type DeviceHost } from './device.js'
import { openRequest } from './device-options.js'
import { shakeHands, type ModuleInfo } from './handshake.js'
import { Native } from './native.js'
import { KernelScheduler } from './scheduler.js'
import { SpaceEvents } from './space-events.js'
import { Tracer } from './trace.js'
import * as uapi from './uapi.js'

/**
 * The API over ioctl: the module hmm_sdk does what has to be done under the kernel's locks, the
 * agent's processes are those whose memory is mirrored, this is what lies between.
 */
export class KernelBackend implements RawBackend, SpaceHost, DeviceHost {
  readonly name = 'kernel'
  readonly apiVersion = API_VERSION
  readonly capabilities: CapabilityTable
  readonly spaceCapabilities: CapabilityTable
  readonly scheduler: KernelScheduler
  readonly pageShift: number
  readonly info: ModuleInfo
  readonly tracer = new Tracer()
  readonly agent: AgentClient
  readonly window: readonly [from: number, to: number]
  readonly #context: Descriptor
  readonly #spaceEvents: SpaceEvents
  readonly #spaces = new Map<number, KernelAddressSpace>()
  readonly #devices = new Set<KernelDevice>()
  readonly #closedCounters = noCounters()
  /** Spaces that were released before their process was known here. */
  readonly #earlyReleases = new Set<number>()
  #nextId = 1
  #closed = false

  private constructor(
    context: Descriptor,
    info: ModuleInfo,
    agent: AgentClient,
    ready: AgentReady,
  ) {
    this.#context = context
    this.info = info
    this.agent = agent
    this.pageShift = info.pageShift
    const pageBytes = 2 ** info.pageShift
    this.window = [ready.windowStart / pageBytes, ready.windowEnd / pageBytes]
    this.capabilities = backendCapabilities(info)
    this.spaceCapabilities = spaceCapabilities(info)
    this.scheduler = new KernelScheduler(context.native)
    this.#spaceEvents = new SpaceEvents(
      context,
      () => this.dispatchEvents(),
      (space) => this.#releaseSpace(space),
    )
  }

  /** Checks everything that can be wrong with the machine first; each has its own error. */
  static async open(options: unknown): Promise<KernelBackend> {
    const { node, agent: path } = checkOptions(options)
    const native = Native.load()
    const { context, info } = shakeHands(native, node)
    try {
      const { agent, ready } = await AgentClient.start(findAgent(path), context.fd)
      return new KernelBackend(context, info, agent, ready)
    } catch (error) {
      await context.close()
      throw error
    }
  }

  async createAddressSpace(options: { readonly name: string }): Promise<RawAddressSpace> {
    return this.adopt(await this.agent.spawn(options.name))
  }

  async openDevice(name: string, options: unknown): Promise<RawDevice> {
    const canMemory = (this.info.capabilities & uapi.CAP_MEMORY) !== 0
    const request = openRequest(name, options, canMemory)
    const fd = await this.#context.onceAsync(
      uapi.IOC_DEVICE_OPEN,
      uapi.DeviceOpen,
      { ...request },
      (result, call) => {
        check(result, { reason: call.get('reason'), ...openHint(result, request.kind) })
        return call.get('fd')
      },
    )
    const descriptor = new Descriptor(this.#context.native, fd)
    try {
      const device = new KernelDevice(this, descriptor)
      this.#devices.add(device)
      return device
    } catch (error) {
      await descriptor.close()
      throw error
    }
  }

  async close(): Promise<readonly Leak[]> {
    if (this.#closed) return []
    this.#closed = true
    const leaks: Leak[] = []
    for (const device of this.#devices) leaks.push(...(await device.close()))
    await this.agent.close()
    this.#spaceEvents.drain()
    this.#spaceEvents.close()
    await this.#context.close()
    // Their processes are gone: nothing may wait for them any more.
    for (const space of this.#spaces.values()) space.released()
    this.#spaces.clear()
    this.scheduler.close()
    return leaks
  }

  counters(): Counters {
    const sum = addCounters(noCounters(), this.#closedCounters)
    for (const device of this.#devices) addCounters(sum, device.counters())
    return sum
  }

  trace(listener: ((event: TraceEvent) => void) | undefined): void {
    this.tracer.listen(listener)
  }

  nextId(): number {
    return this.#nextId++
  }

  hold(): () => void {
    return this.scheduler.hold()
  }

  dispatchEvents(): void {
    for (const device of this.#devices) device.events.drain()
  }

  adopt(hello: AgentHello): KernelAddressSpace {
    const space = new KernelAddressSpace(this, hello)
    this.#spaces.set(hello.space, space)
    if (this.#earlyReleases.delete(hello.space)) this.#releaseSpace(hello.space)
    return space
  }

  forget(member: KernelAddressSpace | KernelDevice): void {
    if (member instanceof KernelDevice) {
      if (this.#devices.delete(member)) addCounters(this.#closedCounters, member.counters())
      return
    }
    if (this.#closed) return
    // The module forgets it when its last mirror is closed; mirrors outlive their process.
    this.#context.once(uapi.IOC_SPACE_CLOSE, uapi.SpaceClose, { space: member.space }, () => 0)
    this.#spaces.delete(member.space)
    this.#earlyReleases.delete(member.space)
    member.released()
  }

  #releaseSpace(number: number): void {
    const space = this.#spaces.get(number)
    if (space === undefined) {
      this.#earlyReleases.add(number)
      return
    }
    this.tracer.emit?.({ type: 'space-release', space: space.id })
    space.released()
  }
}

function openHint(result: number, kind: number): { message?: string; hint?: string } {
  if (result === -95) {
    return {
      message: 'this kernel has no device-private memory that a module could use',
      hint: 'Use Linux 7.2 or later, or open the software device without memoryPages.',
    }
  }
  if (result !== -19) return {}
  return kind === uapi.DEVICE_PCI
    ? {
        message: 'no such PCI device is bound to the module',
        hint:
          'See lspci -nn, then: echo hmm_sdk > /sys/bus/pci/devices/ADDRESS/driver_override; ' +
          'echo ADDRESS > /sys/bus/pci/drivers_probe',
      }
    : { message: 'the module has no software device' }
}

/** Opens the kernel backend; see {@link KernelOptions}. The name by which hmm-api finds it. */
export async function createBackend(options: unknown): Promise<RawBackend> {
  return KernelBackend.open(options)
}
