/** Which Linux the simulation behaves as. */
export type KernelName = '6.12' | '7.2' | '7.3'

/** Where the supported kernels differ, as Debian builds them; what is not here is the same in all. */
export interface KernelProfile {
  readonly name: KernelName
  /** Device-private memory that a module could use: Debian's 6.12 is built without. */
  readonly deviceMemory: boolean
  /** `make_device_exclusive` for one page, exported (6.15). */
  readonly exclusive: boolean
  /** The two-step DMA mapping, `dma_iova_*` (6.16). */
  readonly iova: boolean
  /**
   * `mremap` as rewritten in 6.17: it moves several mappings at once (`remap_move`), looks at the
   * source before it unmaps the target, and what stays (DONTUNMAP) never becomes one with its copy.
   */
  readonly newMremap: boolean
  /**
   * Anonymous pages of private file mappings have a place of their own in the reverse map
   * (`vma_start_anon_pgoff`, 7.3), not that of the file.
   */
  readonly anonOffsets: boolean
  /**
   * A mapping with anonymous pages becomes one with a neighbour that never had any (6.16); before, only
   * the other way round.
   */
  readonly mergesIntoUntouched: boolean
  /** `MADV_GUARD_INSTALL` (6.13). */
  readonly guards: boolean
  /**
   * Who reads back a swapped page as the last one that refers to it has it alone, fork or not; later
   * kernels find that out when it writes.
   */
  readonly ownsLastSwap: boolean
  /** `madvise('collapse')` of less than a block is EINVAL inside one block (an underflow). */
  readonly collapsesSomething: boolean
  /** A write to the huge zero page makes a huge page; before 6.13 it makes small ones, one of them written. */
  readonly replacesHugeZero: boolean
  /**
   * Taking a folio apart raises CLEAR over all of the block where its mapping begins, mapped as one or not
   * (`split_huge_pmd_address`, before 6.13).
   */
  readonly splitsByAddress: boolean
  /**
   * Whether others map a folio of several pages is a guess: by its first page, unless all of it is mapped
   * somewhere (`folio_likely_mapped_shared`, before 6.15).
   */
  readonly guessesSharing: boolean
  /** A write to a page of a folio of several that is this process's alone does not copy it (6.15). */
  readonly reusesLargeFolios: boolean
  /**
   * Cutting a file in persistent memory forgets what was mapped of it page by page (`dax_break_layout`,
   * 6.15): then blocks of it may be mapped whole again.
   */
  readonly forgetsDaxEntries: boolean
  /**
   * The NUMA scan covers shared memory and memory files without a policy of their own (`vma_policy_mof`);
   * 6.12 leaves them out.
   */
  readonly scansSharedMemory: boolean
  /** `UFFDIO_MOVE` tells of all that is still to be moved at once, not page by page (6.18). */
  readonly movesInBatches: boolean
  /**
   * A breakpoint is written to the page of the process, if it has one of its own; before, a copy took the page's
   * place each time, with CLEAR (`uprobe_write`, 6.16).
   */
  readonly writesUprobes: boolean
  /** The OOM reaper raises CLEAR; UNMAP on 6.12. */
  readonly reaperClears: boolean
  /** `hmm_range_fault_unlocked_timeout` (7.3): faults that give up mmap_lock, as userfaultfd needs. */
  readonly unlockedFault: boolean
}

const NEWEST: KernelProfile = {
  name: '7.3',
  deviceMemory: true,
  exclusive: true,
  iova: true,
  newMremap: true,
  anonOffsets: true,
  mergesIntoUntouched: true,
  guards: true,
  ownsLastSwap: false,
  collapsesSomething: false,
  replacesHugeZero: true,
  splitsByAddress: false,
  guessesSharing: false,
  reusesLargeFolios: true,
  forgetsDaxEntries: true,
  scansSharedMemory: true,
  reaperClears: true,
  writesUprobes: true,
  movesInBatches: true,
  unlockedFault: true,
}

export const KERNEL_PROFILES: Readonly<Record<KernelName, KernelProfile>> = {
  '7.3': NEWEST,
  '7.2': { ...NEWEST, name: '7.2', anonOffsets: false, unlockedFault: false },
  '6.12': {
    name: '6.12',
    deviceMemory: false,
    exclusive: false,
    iova: false,
    newMremap: false,
    anonOffsets: false,
    mergesIntoUntouched: false,
    guards: false,
    ownsLastSwap: true,
    collapsesSomething: true,
    replacesHugeZero: false,
    splitsByAddress: true,
    guessesSharing: true,
    reusesLargeFolios: false,
    forgetsDaxEntries: false,
    scansSharedMemory: false,
    reaperClears: false,
    writesUprobes: false,
    movesInBatches: false,
    unlockedFault: false,
  },
}
