import { HmmError } from './error/hmm-error.js'

/**
 * What a backend, device or address space may be able to do, by name.
 *
 * Calling what is missing fails with EOPNOTSUPP and the capability's reason; conformance cases are
 * skipped by capability only.
 */
export const CAPABILITIES = {
  'space.fork': 'fork a process; copy-on-write between both',
  'space.exec': 'replace the address space by exec',
  'space.file': 'map memory files, shared or private',
  'space.mremap': 'move and resize mappings',
  'space.atomics': 'atomic operations of the CPU',
  'space.pageout': 'madvise pageout (reclaim to swap)',
  'space.hugepage': 'madvise hugepage, nohugepage and collapse (transparent huge pages)',
  'space.hugetlb': 'map huge pages of 2 MiB from the reserved pool (hugetlb)',
  'space.hugetlb.1g': 'map huge pages of 1 GiB from the reserved pool (hugetlb)',
  'space.soft-dirty': 'watch which pages the process writes (clear_refs, pagemap)',
  'space.mlock': 'keep pages in memory (mlock)',
  'space.uprobe': 'put breakpoints into mapped files (uprobes)',
  'space.ksm': 'merge pages with equal contents (KSM)',
  'space.oom-reap': 'let the OOM reaper take the memory of a process that is killed',
  'space.disk': 'files on a disk, mapped through a page cache that is written back',
  'space.numa-scan': 'ask who uses which page, as NUMA balancing does',
  'space.numa-scan.shared': 'ask who uses shared memory and memory files, too',
  'space.guard': 'madvise guard-install and guard-remove (lightweight guard pages)',
  'space.memory-failure': 'madvise hwpoison and soft-offline (memory that breaks, or is about to)',
  'space.pin': 'pin pages for as long as one likes, as other users of the process memory do',
  'space.dax': 'files in persistent memory, mapped without a page cache (DAX)',
  'space.driver-pages': 'map pages that a driver owns (vm_insert_page), not memory or a file',
  'space.userfaultfd': 'serve page faults of a process (userfaultfd)',
  'space.userfaultfd.async': 'note which pages are written, by userfaultfd (PAGEMAP_SCAN)',
  'space.userfaultfd.move': 'serve page faults with pages of the process itself (UFFDIO_MOVE)',
  'device.shared': 'open the device more than once at the same time',
  mirror: 'watch ranges of an address space and snapshot or fault them',
  'mirror.userfaultfd': 'range faults wait for the userfaultfd that serves the page',
  'dma.mirror': 'map mirrored ranges for DMA, revocably',
  'dma.streaming': 'map own buffers for DMA',
  'dma.coherent': 'coherent buffers, and pools of them',
  'dma.list': 'map several pieces of memory at once (scatter-gather), within segment limits',
  'dma.attributes': 'attributes of mappings and coherent buffers (DMA_ATTR_*)',
  'dma.window': 'two-step IOVA windows over own buffers',
  'dma.bounce': 'mappings go through bounce buffers (SWIOTLB)',
  'dma.non-coherent': 'device and CPU see each other only through sync',
  'dma.lazy': 'unmapped addresses stay reachable until the IOMMU is flushed',
  'dma.checker': 'mistakes with DMA are reported',
  'dma.peer': 'map the memory of a peer device',
  registers: 'register access',
  interrupts: 'interrupts',
  engine: 'an engine that moves bytes by DMA address',
  'engine.atomics': 'atomic operations by the engine, on exclusive pages',
  memory: 'memory of its own, migration both ways',
  'memory.private': 'device memory that the CPU cannot reach (device-private)',
  'memory.huge': 'huge pages move to device memory and back whole',
  'memory.coherent': 'device memory that the CPU reaches too (device-coherent)',
  exclusive: 'device-exclusive access to pages',
  faults: 'device faults that the driver resolves',
  'deviceFault.exact':
    'an access to a revoked address fails exactly, and is reported by the device',
  'invalidate.inside': 'the invalidate callback runs inside the CPU operation',
  'physical-addresses': 'page frames are real, not opaque identities',
} as const

export type CapabilityName = keyof typeof CAPABILITIES

export type Capability =
  | { readonly supported: true; readonly limits: Readonly<Record<string, number>> }
  | { readonly supported: false; readonly reason: string; readonly hint: string }

export type CapabilityTable = Readonly<Partial<Record<CapabilityName, Capability>>>

/** A supported capability, for backend authors. */
export function supported(limits: Record<string, number> = {}): Capability {
  return { supported: true, limits }
}

/** A missing capability with its reason, for backend authors. */
export function unsupported(
  reason: string,
  hint = 'Ask capabilities before the call.',
): Capability {
  return { supported: false, reason, hint }
}

/** The capabilities of one object. Equal before, during and after its use. */
export class Capabilities {
  readonly #table: CapabilityTable
  readonly #owner: string

  constructor(owner: string, table: CapabilityTable) {
    this.#owner = owner
    this.#table = table
  }

  get(name: CapabilityName): Capability {
    return (
      this.#table[name] ??
      unsupported(`${this.#owner} does not have '${name}' (${CAPABILITIES[name]})`)
    )
  }

  has(name: CapabilityName): boolean {
    return this.get(name).supported
  }

  /** The limits of a supported capability; throws HmmError EOPNOTSUPP with the reason otherwise. */
  require(name: CapabilityName): Readonly<Record<string, number>> {
    const capability = this.get(name)
    if (capability.supported) return capability.limits
    const named = capability.reason.includes(`'${name}'`)
    throw new HmmError('EOPNOTSUPP', {
      message: named ? capability.reason : `${name}: ${capability.reason}`,
      hint: capability.hint,
    })
  }

  /** Every name with its capability, supported or not. */
  toJSON(): Record<CapabilityName, Capability> {
    return Object.fromEntries(
      (Object.keys(CAPABILITIES) as CapabilityName[]).map((name) => [name, this.get(name)]),
    ) as Record<CapabilityName, Capability>
  }
}
