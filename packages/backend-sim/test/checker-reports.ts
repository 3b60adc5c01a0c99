import type { DmaCheck } from '@hmm-sdk/backend-sim'

/** A report of the kernel's checker, and what stands for it here. */
interface KernelReport {
  readonly report: string
  readonly checks: readonly DmaCheck[]
  /** Why it cannot happen, if no check stands for it. */
  readonly why?: string
}

const OWN_MEMORY = 'only memory from `dma.allocBuffer` and `dma.allocCoherent` is mapped'
const THE_MAPPING_KNOWS = 'unmap and sync are methods of the mapping or list, which knows it'
const CUT = 'a list is cut and merged within the limits that `dma.setSegmentLimits` was given'

/** All of them, in the order of kernel/dma/debug.c: map, unmap, sync, lifetime. */
export const KERNEL_REPORTS: readonly KernelReport[] = [
  { report: 'memory on the stack', checks: [], why: OWN_MEMORY },
  { report: 'kernel text or read-only data', checks: [], why: OWN_MEMORY },
  { report: 'invalid address', checks: [], why: OWN_MEMORY },
  { report: 'vmalloc address', checks: [], why: OWN_MEMORY },
  { report: 'memory mapped as a resource', checks: [], why: 'the source decides what it is' },
  { report: 'segment longer than the maximum', checks: [], why: CUT },
  { report: 'segment across the boundary', checks: [], why: CUT },
  { report: 'overlapping mappings', checks: ['overlapping-mapping'] },
  { report: 'more than 7 overlaps', checks: ['too-many-overlaps'] },
  { report: 'device memory as a page', checks: [], why: OWN_MEMORY },
  { report: 'unmap of the error value', checks: [], why: 'a failing map throws' },
  { report: 'unmap of what is not mapped', checks: ['unmap-twice', 'unlink-not-linked'] },
  { report: 'unmap with another size', checks: [], why: THE_MAPPING_KNOWS },
  { report: 'unmap by another function', checks: [], why: THE_MAPPING_KNOWS },
  { report: 'free of another CPU address', checks: [], why: THE_MAPPING_KNOWS },
  { report: 'unmap with another number of segments', checks: [], why: THE_MAPPING_KNOWS },
  { report: 'unmap with another direction', checks: [], why: THE_MAPPING_KNOWS },
  { report: 'result of map not checked', checks: [], why: 'a failing map throws' },
  { report: 'unmap with other attributes', checks: [], why: THE_MAPPING_KNOWS },
  { report: 'sync of what is not mapped', checks: ['sync-unmapped'] },
  { report: 'sync outside the mapping', checks: ['sync-outside'] },
  { report: 'sync with another direction', checks: [], why: THE_MAPPING_KNOWS },
  { report: 'sync for the CPU of to-device memory', checks: ['sync-cpu-to-device'] },
  { report: 'sync for the device of from-device memory', checks: ['sync-device-from-device'] },
  { report: 'sync with another number of segments', checks: [], why: THE_MAPPING_KNOWS },
  { report: 'device closed with live mappings', checks: ['live-at-close'] },
]
