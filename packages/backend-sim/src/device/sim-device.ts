import { POINT_NOTIFIER } from '../sim/failure-point.js'
import { HmmError, type CapabilityTable } from '@hmm-sdk/hmm-api'
import type {
  RawAddressSpace,
  RawDevice,
  RawMirror,
  RawMirrorCallbacks,
} from '@hmm-sdk/hmm-api/raw'
import { DeviceDma } from '../dma/device-dma.js'
import type { DmaOptions } from '../dma/dma-options.js'
import { IommuDomain } from '../dma/iommu-domain.js'
import { MirrorDma } from '../hmm/mirror-dma.js'
import { SimMirror, type MirrorOwner } from '../hmm/mirror.js'
import { SimAddressSpace } from '../sim/address-space.js'
import type { Simulation } from '../sim/simulation.js'
import { capabilitiesOf } from './sim-capabilities.js'
import { SimDeviceMemory, type MemoryOptions } from './device-memory.js'
import { SimEngine } from './engine.js'

/** A simulated device: DMA, an engine, and device memory if it has any. */
export class SimDevice implements RawDevice, MirrorOwner {
  readonly id: number
  readonly name: string
  readonly pciId = undefined
  readonly capabilities: CapabilityTable
  readonly dma: DeviceDma
  readonly engine: SimEngine
  readonly memory: SimDeviceMemory | undefined
  readonly token: object = {}
  readonly #simulation: Simulation
  readonly #mirrors = new Map<SimMirror, SimAddressSpace>()
  /** Where mirrors of a device without an IOMMU would link, which they are never asked to. */
  #idleDomain: IommuDomain | undefined

  constructor(
    simulation: Simulation,
    options: { readonly name: string; readonly memory: MemoryOptions; readonly dma: DmaOptions },
  ) {
    this.#simulation = simulation
    this.id = simulation.newId()
    this.name = options.name
    this.dma = new DeviceDma(simulation.machine, options.dma, options.name)
    this.engine = new SimEngine(simulation, this.id, this.dma)
    const { memory } = options
    this.memory =
      memory.pages === 0 ? undefined : new SimDeviceMemory(simulation, this.id, memory, this.token)
    this.capabilities = capabilitiesOf(simulation, options.dma, memory)
  }

  /** The open mirrors. */
  get mirrors(): Iterable<SimMirror> {
    return this.#mirrors.keys()
  }

  async createMirror(
    space: RawAddressSpace,
    startPage: number,
    pages: number,
    callbacks: RawMirrorCallbacks,
  ): Promise<RawMirror> {
    if (!(space instanceof SimAddressSpace)) throw new TypeError('the space is of another backend')
    const { mm } = space
    if (!mm.alive) throw new HmmError('ESRCH', { message: 'the process is gone' })
    if (this.#simulation.machine.failures.fails(POINT_NOTIFIER)) {
      throw new HmmError('ENOMEM', { message: 'no memory for the notifier' })
    }
    const domain = this.dma.translation.domain ?? this.#makeIdleDomain()
    const dma = new MirrorDma(domain, this.dma.mirrorWindows, mm, startPage, pages)
    const mirror = new SimMirror(this.#simulation, this, mm, { startPage, pages }, dma, callbacks)
    mm.notifiers.insert(mirror.notifier)
    this.#mirrors.set(mirror, space)
    this.dma.mirrors = this.#mirrors.size
    space.mirrors.add(mirror)
    return mirror
  }

  mirrorClosed(mirror: SimMirror): void {
    this.#mirrors.get(mirror)?.mirrors.delete(mirror)
    this.#mirrors.delete(mirror)
    this.dma.mirrors = this.#mirrors.size
  }

  async close(): Promise<{ kind: string; name: string }[]> {
    const left: { kind: string; name: string }[] = []
    for (const mirror of [...this.#mirrors.keys()]) {
      left.push({ kind: 'mirror', name: `mirror ${mirror.id}` })
      await mirror.close()
    }
    if (this.memory !== undefined) {
      const pages = await this.#simulation.run(this.memory.close())
      if (pages > 0) left.push({ kind: 'device-memory', name: `${pages} pages` })
    }
    left.push(...(await this.dma.close()))
    this.#idleDomain?.destroy()
    this.#simulation.devices.delete(this)
    return left
  }

  #makeIdleDomain(): IommuDomain {
    this.#idleDomain ??= new IommuDomain(this.#simulation.machine, 32)
    return this.#idleDomain
  }
}
