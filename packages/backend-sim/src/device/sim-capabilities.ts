import { supported, unsupported, type CapabilityTable } from '@hmm-sdk/hmm-api'
import { BouncePool, SLOT_BYTES } from '../dma/bounce-pool.js'
import { PEER_BAR } from '../dma/device-dma.js'
import type { DmaOptions } from '../dma/dma-options.js'
import { memoryOrder, type MemoryOptions } from './device-memory.js'
import { MOST_PIECES } from '../dma/list-pieces.js'
import { mirrorRefusal, translates } from '../dma/dma-shape.js'
import type { CheckedOptions } from '../sim/options.js'
import type { Simulation } from '../sim/simulation.js'

/** Most parts of one list, as the kernel module has it. */
const MOST_PARTS = 1024

interface Known {
  readonly memory: MemoryOptions
  readonly table: CapabilityTable
}

/** Tables of simulations and devices with the same options: most are made without any. */
const known = new WeakMap<CheckedOptions, WeakMap<DmaOptions, Known>>()

/** What a simulated device can do, by its options. */
export function capabilitiesOf(
  simulation: Simulation,
  dma: DmaOptions,
  memory: MemoryOptions,
): CapabilityTable {
  let ofDevices = known.get(simulation.options)
  if (ofDevices === undefined) known.set(simulation.options, (ofDevices = new WeakMap()))
  const before = ofDevices.get(dma)
  if (before?.memory.pages === memory.pages && before.memory.kind === memory.kind) {
    return before.table
  }
  const table = Object.freeze(makeTable(simulation, dma, memory))
  ofDevices.set(dma, { memory, table })
  return table
}

function makeTable(
  simulation: Simulation,
  dma: DmaOptions,
  memory: MemoryOptions,
): CapabilityTable {
  const { kernel } = simulation.options
  const order = memory.pages > 0 ? memoryOrder(simulation, memory) : 0
  const noMemory =
    memory.pages > 0
      ? undefined
      : kernel.deviceMemory
        ? unsupported('the device has no memory', 'Configure it with memoryPages.')
        : unsupported(
            `Linux ${kernel.name} has no device memory that a module could use`,
            "Simulate a newer one: kernel: '7.3'.",
          )
  const coherent = memory.kind === 'coherent'
  const refusal = mirrorRefusal(dma)
  const noExclusive = kernel.exclusive
    ? refusal
    : unsupported(
        `Linux ${kernel.name} exports no make_device_exclusive`,
        "Simulate a newer one: kernel: '7.3'.",
      )
  const translating = translates(dma.shape)
  const behindIommu = 'it needs an IOMMU'
  const bounces = dma.shape === 'swiotlb' || dma.shape === 'unaligned'
  return {
    'device.shared': supported(),
    mirror: supported(),
    'mirror.userfaultfd': kernel.unlockedFault
      ? supported()
      : unsupported(
          'before Linux 7.3 a range fault holds the mmap lock, so it cannot wait for a handler',
          'Touch the pages with the CPU first, or simulate Linux 7.3.',
        ),
    'dma.mirror': refusal ?? supported({ pagesPerMap: 2 ** 20 }),
    'dma.streaming': supported(),
    'dma.coherent': supported(),
    'dma.list': supported({ parts: MOST_PARTS, segments: MOST_PIECES }),
    'dma.attributes': supported(),
    'dma.window': translating ? supported() : unsupported(behindIommu),
    'dma.peer':
      dma.shape === 'peer'
        ? supported({ bar: PEER_BAR, pages: dma.peerPages })
        : unsupported('the device reaches no peers', "Configure it: dma: { shape: 'peer' }."),
    'dma.bounce': bounces
      ? supported({
          maxMappingBytes: BouncePool.maxBytes(dma.minAlignMask),
          slotBytes: SLOT_BYTES,
          poolBytes: simulation.options.swiotlbBytes,
        })
      : unsupported('the device reaches all memory', "Configure it: dma: { shape: 'swiotlb' }."),
    'dma.non-coherent': dma.coherent
      ? unsupported('the device is coherent', 'Configure it: dma: { coherent: false }.')
      : supported(),
    'dma.lazy': dma.lazy
      ? supported({ unmaps: 256, milliseconds: 10 })
      : unsupported('unmap is flushed at once', "Configure it: dma: { flush: 'lazy' }."),
    'dma.checker': supported(),
    engine: supported({ maxBytes: 2 ** 20 }),
    'engine.atomics': noExclusive ?? supported(),
    memory: noMemory ?? supported({ pages: memory.pages, order }),
    'memory.private':
      noMemory ??
      (coherent
        ? unsupported('the CPU reaches the memory of this device', "memoryKind: 'private'")
        : supported()),
    'memory.huge':
      order > 0
        ? supported({ order })
        : coherent
          ? unsupported(
              'pages of device-coherent memory move one by one',
              "Configure memoryKind: 'private'.",
            )
          : unsupported(
              'a huge page does not fit into the memory, or into one migration (512 pages)',
              'Configure memoryPages: 512 or more, with pages of 4 KiB.',
            ),
    'memory.coherent':
      noMemory ??
      (coherent
        ? supported()
        : unsupported(
            'the CPU cannot reach the memory of this device',
            "Configure memoryKind: 'coherent'.",
          )),
    exclusive: noExclusive ?? supported(),
    'deviceFault.exact': translating
      ? supported()
      : unsupported('without an IOMMU no access of the device is checked'),
    'invalidate.inside': simulation.invalidations.deferred
      ? unsupported('the simulation was told to deliver invalidations afterwards')
      : supported(),
  }
}
