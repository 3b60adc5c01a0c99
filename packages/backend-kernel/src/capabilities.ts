import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import {
  supported,
  unsupported,
  type Capability,
  type CapabilityName,
  type CapabilityTable,
} from '@hmm-sdk/hmm-api'
import { HUGE_1G, HUGE_2M, hugetlbCapability } from './hugetlb.js'
import { reasonText } from './call-error.js'
import type { KernelDma } from './dma.js'
import type { DeviceInfo } from './device-info.js'
import type { ModuleInfo } from './handshake.js'
import { notesWrites } from './notes-writes.js'
import * as uapi from './uapi.js'

/** Of the backend as a whole. */
export function backendCapabilities(info: ModuleInfo): CapabilityTable {
  return {
    ...spaceCapabilities(info),
    mirror: supported({ pages: info.maxMirrorPages }),
    'invalidate.inside': unsupported(
      'over ioctl the callback runs shortly after the kernel has revoked',
      'Rely on the order: revoked first, told before any later map on the range succeeds.',
    ),
    'physical-addresses': when(
      (info.capabilities & uapi.CAP_PHYSICAL) !== 0,
      'page frames are shown to CAP_SYS_ADMIN only',
      'Run as root; entries hold opaque identities otherwise.',
    ),
  }
}

/** Of every process: they are real ones. */
export function spaceCapabilities({ pageShift, release }: ModuleInfo): CapabilityTable {
  return {
    'space.fork': supported(),
    'space.exec': supported(),
    'space.file': supported(),
    'space.mremap': supported(),
    'space.atomics': supported(),
    'space.hugepage': when(
      existsSync('/sys/kernel/mm/transparent_hugepage/enabled'),
      'this kernel was built without transparent huge pages',
      'Use a kernel with CONFIG_TRANSPARENT_HUGEPAGE.',
    ),
    'space.hugetlb': hugetlbCapability(HUGE_2M, pageShift),
    'space.hugetlb.1g': hugetlbCapability(HUGE_1G, pageShift),
    'space.soft-dirty': when(
      notesWrites(pageShift),
      'this kernel does not note which pages are written',
      'Use a kernel with CONFIG_MEM_SOFT_DIRTY.',
    ),
    'space.mlock': when(
      !/^Max locked memory\s+0\s/m.test(readIfThere('/proc/self/limits') ?? ''),
      'no memory may be locked here (RLIMIT_MEMLOCK)',
      'Raise the limit: ulimit -l.',
    ),
    'space.uprobe': when(
      hasRight(CAP_SYS_ADMIN) && existsSync('/sys/bus/event_source/devices/uprobe/type'),
      'breakpoints in files are for root, and for kernels that were built with them',
      'Run as root, on a kernel with CONFIG_UPROBE_EVENTS.',
    ),
    'space.ksm': when(
      isWritable('/sys/kernel/mm/ksm/run'),
      'merging pages is for root, and for kernels that were built with it',
      'Run as root, on a kernel with CONFIG_KSM.',
    ),
    'space.numa-scan': when(
      numaBalancing(),
      'NUMA balancing is for root to switch on, and for kernels that were built with it',
      'Run as root, on a kernel with CONFIG_NUMA_BALANCING.',
    ),
    'space.numa-scan.shared': when(
      !release.startsWith('6.12.') && numaBalancing(),
      'before Linux 7.2 the scan leaves shared memory out, if this kernel scans at all',
      'Use Linux 7.2 or later, as root.',
    ),
    'space.guard': when(
      !release.startsWith('6.12.'),
      'lightweight guards came with Linux 6.13',
      'Use mprotect, or a newer kernel.',
    ),
    'space.memory-failure': when(
      hasRight(CAP_SYS_ADMIN) && existsSync('/proc/sys/vm/memory_failure_recovery'),
      'breaking memory is for root (CAP_SYS_ADMIN), and for kernels that can survive it',
      'Run as root.',
    ),
    'space.dax': when(
      existsSync(process.env['HMM_SDK_DAX_FOLDER'] ?? ''),
      'no folder in persistent memory was named',
      'HMM_SDK_DAX_FOLDER=folder of a file system mounted with -o dax, made for blocks of 2 MiB ' +
        '(mkfs.ext4 -E stride=512,stripe_width=512).',
    ),
    'space.disk': when(
      existsSync(process.env['HMM_SDK_DISK_FOLDER'] ?? ''),
      'no folder on a disk was named',
      'HMM_SDK_DISK_FOLDER=folder of a file system with a page cache, such as ext4.',
    ),
    'space.oom-reap': when(
      hasRight(CAP_SYS_ADMIN) && /^freezer\t.*\t1$/m.test(readIfThere('/proc/cgroups') ?? ''),
      'a process that is killed is kept from its end by the freezer of cgroup v1, which is for root',
      'Run as root, on a kernel with CONFIG_CGROUP_FREEZER.',
    ),
    'space.pin': when(
      mayUseIoUring(),
      'pages are pinned through io_uring, which is switched off here',
      'sysctl kernel.io_uring_disabled=0',
    ),
    'space.driver-pages': supported({ pages: uapi.MAX_DRIVER_PAGES }),
    'space.userfaultfd': when(
      mayServeFaults(),
      'this process may not serve page faults that the kernel takes for it (userfaultfd)',
      'Run as root (CAP_SYS_PTRACE), or: sysctl vm.unprivileged_userfaultfd=1',
    ),
    'space.userfaultfd.async': when(
      mayServeFaults(),
      'this process may not serve page faults that the kernel takes for it (userfaultfd)',
      'Run as root (CAP_SYS_PTRACE), or: sysctl vm.unprivileged_userfaultfd=1',
    ),
    'space.userfaultfd.move': when(
      mayServeFaults(),
      'this process may not serve page faults that the kernel takes for it (userfaultfd)',
      'Run as root (CAP_SYS_PTRACE), or: sysctl vm.unprivileged_userfaultfd=1',
    ),
    'space.pageout': when(
      hasSwap(),
      'there is no swap, so anonymous pages cannot be reclaimed',
      'Switch swap on (zram is enough): swapon.',
    ),
  }
}

/** log2 of the pages of a huge page. */
export const HUGE_ORDER = 9

const OPEN_MEMORY = 'Open { soft: true, memoryPages: 1024 } on Linux 7.2 or later.'

/** Of one device. */
export function deviceCapabilities(
  device: DeviceInfo,
  info: ModuleInfo,
  dma: KernelDma,
): CapabilityTable {
  const { reason, hint } = reasonText(device.mirrorReason)
  const software = 'Open the software device: { soft: true }.'
  return {
    'device.shared': when(
      device.kind !== uapi.DEVICE_PCI,
      'a PCI device opens exclusively',
      'Use the device that is open, or close it first.',
    ),
    mirror: supported({ pages: device.maxMirrorPages }),
    'mirror.userfaultfd': when(
      (info.capabilities & uapi.CAP_UNLOCKED_FAULT) !== 0,
      'before Linux 7.3 a range fault holds the mmap lock, so it cannot wait for a handler',
      'Touch the pages with the CPU first, or use Linux 7.3.',
    ),
    'dma.mirror': when(device.has(uapi.DEV_MIRROR), reason, hint, {
      pagesPerMap: info.maxMapPages,
    }),
    'dma.streaming': when(device.has(uapi.DEV_STREAMING), 'the device maps no buffers', software),
    'dma.coherent': when(
      device.has(uapi.DEV_COHERENT_ALLOC),
      'the device has no coherent buffers',
      software,
    ),
    'dma.list': when(device.has(uapi.DEV_LIST), 'the device maps no lists', software, {
      parts: uapi.MAX_LIST_PARTS,
      segments: uapi.MAX_LIST_SEGMENTS,
    }),
    'dma.attributes': when(device.has(uapi.DEV_ATTRIBUTES), 'the module knows none', software),
    'dma.bounce': when(
      device.has(uapi.DEV_BOUNCE),
      'the device reaches all memory as it is',
      'Boot with swiotlb=force and an identity domain.',
      { maxMappingBytes: device.maxMappingBytes },
    ),
    'dma.lazy': when(
      device.domain === uapi.DOMAIN_DMA_FQ,
      'unmap is flushed at once',
      'Write DMA-FQ to the type file of the IOMMU group.',
    ),
    'dma.window': when(device.has(uapi.DEV_WINDOW), reason, hint, { pages: info.maxWindowPages }),
    'dma.peer': peerCapability(device, info, dma),
    registers: when(device.has(uapi.DEV_REGISTERS), 'the device has no registers', software),
    interrupts: when(
      device.has(uapi.DEV_INTERRUPTS),
      'the device has no interrupts',
      'Ask capabilities before the call.',
      { vectors: device.vectors },
    ),
    engine: when(
      device.has(uapi.DEV_ENGINE),
      'the device has no engine of its own in the module',
      software,
      { maxBytes: info.maxEngineBytes },
    ),
    'engine.atomics': when(
      device.has(uapi.DEV_ATOMICS),
      'the device has no atomic operations',
      software,
    ),
    ...memoryCapabilities(device, info),
    exclusive: when(
      device.has(uapi.DEV_EXCLUSIVE),
      'this kernel exports no make_device_exclusive, or the device has no atomics',
      'Use the software device on Linux 7.2 or later.',
      { pages: info.maxExclusivePages },
    ),
    faults: unsupported(
      'the device reports no faults that a driver could resolve',
      'Put a device model before it: `model` in the config of the device.',
    ),
    'deviceFault.exact': when(
      device.has(uapi.DEV_EXACT_FAULT),
      'the IOMMU reports faults to the kernel log only; the engine compares revocation counts',
      'Compare dma.revocations before and after a transfer.',
    ),
    'invalidate.inside': unsupported(
      'over ioctl the callback runs shortly after the kernel has revoked',
      'Rely on the order: revoked first, told before any later map on the range succeeds.',
    ),
    'physical-addresses': when(
      (info.capabilities & uapi.CAP_PHYSICAL) !== 0,
      'page frames are shown to CAP_SYS_ADMIN only',
      'Run as root; entries hold opaque identities otherwise.',
    ),
  } satisfies Partial<Record<CapabilityName, Capability>>
}

/** Of the memory of one device. */
function memoryCapabilities(device: DeviceInfo, info: ModuleInfo) {
  const coherent = device.has(uapi.DEV_MEMORY_COHERENT)
  const huge = device.has(uapi.DEV_MEMORY_HUGE)
  const none =
    device.kind === uapi.DEVICE_PCI
      ? 'device memory exists on the software device only'
      : 'this device was opened without memory, or the kernel has no device memory'
  const reserved = (info.capabilities & uapi.CAP_COHERENT) !== 0
  return {
    memory: when(device.has(uapi.DEV_MEMORY), none, OPEN_MEMORY, {
      pages: device.memoryPages,
      order: huge ? HUGE_ORDER : 0,
    }),
    'memory.private': when(
      device.has(uapi.DEV_MEMORY) && !coherent,
      coherent ? 'the CPU reaches the memory of this device' : none,
      OPEN_MEMORY,
    ),
    'memory.huge': when(
      huge,
      coherent
        ? 'pages of device-coherent memory move one by one'
        : 'the kernel moves no huge pages to devices, or the memory has no room for one',
      'Open { soft: true, memoryPages: 1024 } on Linux 7.2 or later, with huge pages.',
      { order: HUGE_ORDER },
    ),
    'memory.coherent': when(
      coherent,
      reserved
        ? 'the device was opened without memory, or with memory that the CPU does not reach'
        : reasonText(uapi.REASON_NOT_RESERVED).reason,
      reserved
        ? "Open { soft: true, memoryPages: 1024, memoryKind: 'coherent' }."
        : reasonText(uapi.REASON_NOT_RESERVED).hint,
    ),
  }
}

/** Whether it may map the memory of peers; `bar` and `pages` where it has memory for them itself. */
function peerCapability(device: DeviceInfo, info: ModuleInfo, dma: KernelDma): Capability {
  if ((info.capabilities & uapi.CAP_PEER) === 0) {
    return unsupported(
      'this kernel was built without peer-to-peer DMA (CONFIG_PCI_P2PDMA)',
      'Use Linux 7.2 or later.',
    )
  }
  if (device.kind !== uapi.DEVICE_PCI) {
    return unsupported(
      'the software device is on no bus, and the kernel knows peers by their place on it',
      'Open a PCI device: { pci: ... }.',
    )
  }
  if (!device.has(uapi.DEV_PEER)) {
    return unsupported(
      'no device that is bound to the module has memory for peers: a prefetchable BAR of 2 MiB or more',
      'Bind one: write its id to /sys/bus/pci/drivers/hmm_sdk/new_id.',
    )
  }
  const own = dma.ownMemory
  return supported(
    own === undefined ? {} : { bar: own.bar, pages: own.buffer.bytes / 2 ** info.pageShift },
  )
}

function when(
  has: boolean,
  reason: string,
  hint: string,
  limits: Record<string, number> = {},
): Capability {
  return has ? supported(limits) : unsupported(reason, hint)
}

/** `vm.unprivileged_userfaultfd`, or CAP_SYS_PTRACE. Without userfaultfd there is no such setting. */
function mayServeFaults(): boolean {
  const setting = readIfThere('/proc/sys/vm/unprivileged_userfaultfd')?.trim()
  return setting === '1' || (setting !== undefined && hasRight(CAP_SYS_PTRACE))
}

const CAP_SYS_PTRACE = 19n
const CAP_SYS_ADMIN = 21n

/** Whether this process, and so the agent's, has a capability(7). */
function hasRight(number: bigint): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readIfThere('/proc/self/status') ?? '')?.[1]
  return ((BigInt(`0x${effective ?? '0'}`) >> number) & 1n) === 1n
}

/** `kernel.io_uring_disabled`: 0 for all, 1 for root, 2 for nobody. */
function mayUseIoUring(): boolean {
  const setting = readIfThere('/proc/sys/kernel/io_uring_disabled')?.trim()
  return setting === '0' || (setting === '1' && hasRight(CAP_SYS_ADMIN))
}

/** Whether it can be switched on, and says how far it is. */
function numaBalancing(): boolean {
  const scans = readIfThere('/proc/self/sched')?.includes('mm->numa_scan_seq') === true
  return scans && isWritable('/proc/sys/kernel/numa_balancing')
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function hasSwap(): boolean {
  return (readIfThere('/proc/swaps')?.trimEnd().split('\n').length ?? 0) > 1
}
