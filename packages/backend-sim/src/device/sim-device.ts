import { POINT_NOTIFIER } from '../sim/failure-point.js'
import { HmmError, supported, unsupported, type CapabilityTable } from '@hmm-sdk/hmm-api'
import type {
  RawAddressSpace,
  RawDevice,
  RawMirror,
  RawMirrorCallbacks,
} from '@hmm-sdk/hmm-api/raw'
import { DeviceDma } from '../dma/device-dma.js'
import { mirrorRefusal, type DmaShape } from '../dma/dma-shape.js'
import { IommuDomain } from '../dma/iommu-domain.js'
import { MirrorDma } from '../hmm/mirror-dma.js'
import { SimMirror, type MirrorOwner } from '../hmm/mirror.js'
import { SimAddressSpace } from '../sim/address-space.js'
import type { Simulation } from '../sim/simulation.js'
import { SimDeviceMemory } from './device-memory.js'
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
    options: { readonly name: string; readonly memoryPages: number; readonly shape: DmaShape },
  ) {
    this.#simulation = simulation
    this.id = simulation.newId()
    this.name = options.name
    this.dma = new DeviceDma(simulation.machine, options.shape)
    this.engine = new SimEngine(simulation, this.id, this.dma.translation)
    const { memoryPages: pages } = options
    this.memory =
      pages === 0 ? undefined : new SimDeviceMemory(simulation, this.id, pages, this.token)
    this.capabilities = capabilitiesOf(simulation, options.shape, pages)
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
    const dma = new MirrorDma(domain, this.dma.mirrorWindows, startPage, pages)
    const mirror = new SimMirror(this.#simulation, this, mm, { startPage, pages }, dma, callbacks)
    mm.notifiers.insert(mirror.notifier)
    this.#mirrors.set(mirror, space)
    space.mirrors.add(mirror)
    return mirror
  }

  mirrorClosed(mirror: SimMirror): void {
    this.#mirrors.get(mirror)?.mirrors.delete(mirror)
    this.#mirrors.delete(mirror)
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

function capabilitiesOf(
  simulation: Simulation,
  shape: DmaShape,
  memoryPages: number,
): CapabilityTable {
  const refusal = mirrorRefusal(shape)
  const behindIommu = 'it needs an IOMMU'
  return {
    'device.shared': supported(),
    mirror: supported(),
    'dma.mirror': refusal ?? supported({ pagesPerMap: 2 ** 20 }),
    'dma.streaming': supported(),
    'dma.coherent': supported(),
    'dma.window': refusal === undefined ? supported() : unsupported(behindIommu),
    'dma.window.mirrored': unsupported(
      'windows of the driver hold own buffers only; mirrors have windows of their own',
      'Map mirrored ranges with mirror.map.',
    ),
    'dma.peer': unsupported('the simulation has no peer-to-peer topology yet'),
    engine: supported({ maxBytes: 2 ** 20 }),
    'engine.atomics': refusal === undefined ? supported() : unsupported(behindIommu),
    memory:
      memoryPages > 0
        ? supported({ pages: memoryPages })
        : unsupported('the device has no memory', 'Configure it with memoryPages.'),
    exclusive: refusal ?? supported(),
    'deviceFault.exact':
      refusal === undefined
        ? supported()
        : unsupported('without an IOMMU no access of the device is checked'),
    'invalidate.inside': simulation.invalidations.deferred
      ? unsupported('the simulation was told to deliver invalidations afterwards')
      : supported(),
  }
}
