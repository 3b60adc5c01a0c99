/** Where a line of the kernel's behaviour is tested. */
export interface TableLine {
  readonly what: string
  /** The event, or what a range fault says. */
  readonly says: string
  /** Conformance cases, by address: on every backend. */
  readonly cases?: readonly string[]
  /** Tests of the simulation, by file and part of their name: what no user space can cause. */
  readonly tests?: readonly (readonly [file: string, name: string])[]
  /** Why there is neither. */
  readonly none?: string
}

const EVENTS = 'mm-events.test.ts'

/** What raises which event (`mmu_notifier_event`). */
export const EVENT_SOURCES: readonly TableLine[] = [
  { what: 'munmap', says: 'UNMAP', cases: ['events/mapping/munmap', 'events/hugetlb/munmap'] },
  {
    what: 'mmap MAP_FIXED over a mapping',
    says: 'UNMAP',
    cases: ['events/mapping/mmap-fixed-on-top'],
  },
  {
    what: 'exit, exec, SIGKILL',
    says: 'RELEASE, then UNMAP',
    cases: ['events/release/exit', 'events/release/exec', 'events/release/kill'],
  },
  {
    what: 'mremap: move, onto a mapping, DONTUNMAP',
    says: 'UNMAP of the old place',
    cases: [
      'events/mapping/mremap-move',
      'events/mapping/mremap-of-whole-tables',
      'events/mapping/mremap-onto-a-mapping',
      'events/mapping/mremap-dontunmap',
    ],
  },
  { what: 'mremap: shrink', says: 'UNMAP of what goes', cases: ['events/mapping/mremap-shrink'] },
  { what: 'mremap: grow in place', says: 'none', cases: ['events/mapping/mremap-grow-in-place'] },
  { what: 'mremap of hugetlb', says: 'CLEAR, then UNMAP', cases: ['events/hugetlb/move'] },
  {
    what: 'MADV_DONTNEED',
    says: 'CLEAR',
    cases: [
      'events/advice/dontneed',
      'events/advice/dontneed-untouched',
      'events/hugetlb/dontneed',
    ],
  },
  {
    what: 'MADV_DONTNEED_LOCKED',
    says: 'CLEAR, of locked pages too',
    cases: ['events/mlock/dontneed-locked', 'events/mlock/dontneed-locked-of-a-device'],
  },
  { what: 'MADV_FREE', says: 'CLEAR', cases: ['events/advice/free'] },
  {
    what: 'MADV_REMOVE',
    says: 'CLEAR',
    cases: ['events/advice/remove-of-shared-memory', 'events/hugetlb/remove-of-shared'],
  },
  {
    what: 'MADV_GUARD_INSTALL',
    says: 'CLEAR if something was there',
    cases: ['events/advice/guard'],
  },
  {
    what: 'ftruncate',
    says: 'CLEAR',
    cases: [
      'events/file/truncate',
      'events/file/truncate-takes-private-copies',
      'events/hugetlb/truncate',
    ],
  },
  {
    what: 'fallocate PUNCH_HOLE',
    says: 'CLEAR',
    cases: ['events/file/punch-hole', 'events/hugetlb/punch-hole'],
  },
  {
    what: 'truncate, hole punch and growth of a file in persistent memory',
    says: 'CLEAR over all of it',
    cases: [
      'events/dax/truncate',
      'events/dax/punch-hole',
      'events/dax/grow',
      'events/dax/remove-of-shared',
      'events/dax-huge-page/truncate',
    ],
  },
  {
    what: 'a hole in persistent memory that is filled, wherever it was read (dax_insert_entry)',
    says: 'CLEAR',
    cases: [
      'events/dax/hole-that-is-filled',
      'events/dax/hole-that-is-written-as-a-file',
      'events/dax-huge-page/hole-that-is-filled',
      'events/dax-huge-page/zeros-of-somebody-else-become-pages',
    ],
  },
  {
    what: 'change of a part of a block of persistent memory: all of it is dropped',
    says: 'CLEAR',
    cases: [
      'events/dax-huge-page/unmapped-in-part',
      'events/dax-huge-page/protected-in-part',
      'events/dax-huge-page/dropped-in-part',
      'events/dax-huge-page/private-copy',
      'events/dax-huge-page/moved-off-its-alignment',
    ],
  },
  {
    what: 'copy-on-write',
    says: 'CLEAR',
    cases: [
      'events/copy-on-write/write-of-the-parent',
      'events/copy-on-write/write-of-the-child',
      'events/copy-on-write/private-file-copy',
      'events/hugetlb/copy-on-write',
    ],
  },
  {
    what: 'replacement of the zero page',
    says: 'CLEAR',
    cases: ['events/copy-on-write/write-to-the-zero-page', 'events/userfaultfd/zero-page'],
  },
  { what: 'reclaim, swap-out (try_to_unmap)', says: 'CLEAR', cases: ['events/advice/pageout'] },
  {
    what: 'memory that breaks (memory_failure)',
    says: 'CLEAR',
    cases: ['events/advice/hwpoison'],
    tests: [[EVENTS, 'every mapping of the page']],
  },
  {
    what: 'page migration (try_to_migrate)',
    says: 'CLEAR',
    cases: ['events/advice/soft-offline', 'events/advice/moved-under-a-device'],
    tests: [[EVENTS, 'CLEAR; the pages have other frames']],
  },
  {
    what: 'split of a huge page',
    says: 'CLEAR',
    cases: ['events/huge-page/unmapped-in-part', 'events/huge-page/dropped-in-part'],
  },
  {
    what: 'cold, free, pageout of a part of a huge page (split_folio; zeros become the zero page)',
    says: 'CLEAR',
    cases: [
      'events/huge-page/cold-in-part',
      'events/huge-page/freed-in-part',
      'events/huge-page/paged-out-in-part',
    ],
  },
  { what: 'collapse to a huge page', says: 'CLEAR', cases: ['events/huge-page/collapse'] },
  {
    what: 'KSM: write protection, merge',
    says: 'CLEAR',
    cases: ['events/ksm/merge', 'events/ksm/of-two-processes', 'events/ksm/write-copies'],
  },
  {
    what: 'hugetlb: fork',
    says: 'CLEAR',
    cases: ['events/hugetlb/fork', 'events/hugetlb/fork-of-shared'],
  },
  {
    what: 'hugetlb: the owner takes pages back',
    says: 'CLEAR',
    cases: ['events/hugetlb/the-owner-gets-what-was-promised'],
  },
  {
    what: 'restore of a device-exclusive page',
    says: 'CLEAR',
    cases: ['exclusive/read-revokes', 'exclusive/write-revokes'],
  },
  {
    what: 'OOM reaper',
    says: 'CLEAR that may not wait',
    cases: ['events/oom-reaper/reap', 'events/oom-reaper/shared-memory-stays'],
    tests: [[EVENTS, 'inside a commit is left alone']],
  },
  {
    what: 'mprotect, any direction',
    says: 'PROTECTION_VMA',
    cases: [
      'events/protection/write-to-read',
      'events/protection/read-to-write',
      'events/protection/none-to-write',
      'events/hugetlb/mprotect',
    ],
  },
  {
    what: 'mprotect where there are no page tables',
    says: 'none',
    cases: ['events/protection/without-page-tables'],
  },
  {
    what: 'NUMA balancing',
    says: 'PROTECTION_VMA',
    cases: [
      'events/numa-scan/scan',
      'events/numa-scan/shared-memory',
      'events/numa-scan/read-only-mapping-of-a-file',
    ],
  },
  {
    what: 'userfaultfd: write protection comes, goes',
    says: 'PROTECTION_VMA',
    cases: ['events/userfaultfd/write-protection', 'events/userfaultfd/protection-ends-with-it'],
  },
  {
    what: 'PAGEMAP_SCAN that protects what was written, whatever is there',
    says: 'PROTECTION_VMA over all of it',
    cases: [
      'events/pagemap-scan/scan',
      'events/pagemap-scan/shared-memory',
      'events/pagemap-scan/beyond-what-is-registered',
      'events/pagemap-scan/huge-page',
    ],
  },
  {
    what: 'PAGEMAP_SCAN of a part of a huge page; write to one that is protected',
    says: 'CLEAR over the block',
    cases: ['events/pagemap-scan/part-of-a-huge-page', 'events/pagemap-scan/huge-page'],
  },
  {
    what: 'userfaultfd: a page is filled',
    says: 'none',
    cases: ['events/userfaultfd/read-waits-for-a-copy', 'events/userfaultfd/zero-page'],
  },
  {
    what: 'fork of private memory',
    says: 'PROTECTION_PAGE',
    cases: ['events/copy-on-write/fork', 'events/copy-on-write/fork-with-one-page'],
  },
  {
    what: 'fork of shared, of untouched memory',
    says: 'none',
    cases: [
      'events/copy-on-write/fork-of-shared-memory',
      'events/copy-on-write/fork-untouched',
      'events/copy-on-write/fork-of-a-file',
    ],
  },
  {
    what: 'writeback of file pages',
    says: 'PROTECTION_PAGE',
    cases: [
      'events/writeback/sync',
      'events/writeback/every-shared-mapping',
      'events/dax/sync',
      'events/dax-huge-page/sync',
    ],
  },
  {
    what: 'clear_refs 4',
    says: 'SOFT_DIRTY over everything',
    cases: ['events/soft-dirty/over-everything'],
  },
  {
    what: 'migration to and from a device',
    says: 'MIGRATE',
    cases: [
      'memory/migrate/revokes-and-tells',
      'memory/migrate/other-mirrors-are-told',
      'memory/migrate/holes',
    ],
  },
  {
    what: 'CPU touch of a device page',
    says: 'MIGRATE',
    cases: ['memory/cpu-fault/revokes-and-tells'],
  },
  {
    what: 'eviction of device memory',
    says: 'CLEAR',
    cases: ['memory/evict/evict', 'memory/evict/of-several-processes'],
  },
  {
    what: 'taking a page exclusively',
    says: 'EXCLUSIVE',
    cases: ['exclusive/event-of-its-own', 'exclusive/revokes-other-devices'],
  },
  {
    what: 'first touch, upgrade without a copy',
    says: 'none',
    cases: [
      'events/copy-on-write/first-write',
      'events/copy-on-write/first-read',
      'events/hugetlb/copy-on-write',
    ],
  },
  {
    what: 'fork of shared pages of a driver',
    says: 'none',
    cases: ['range-fault/driver-pages/fork-of-shared'],
  },
  {
    what: 'pread, pwrite of a file',
    says: 'none',
    cases: ['events/file/read-and-written', 'events/dax/read-and-written-as-a-file'],
  },
  {
    what: 'MADV_COLD, MADV_WILLNEED',
    says: 'none',
    cases: ['events/advice/cold', 'events/advice/willneed'],
  },
  {
    what: 'khugepaged: page tables of other mappings of a file go (retract_page_tables)',
    says: 'CLEAR',
    none: 'huge pages of files in memory are not simulated',
  },
  {
    what: 'hugetlb: page tables that several mappings shared are not shared any more (hugetlb_unshare_pmds)',
    says: 'CLEAR over 1 GiB',
    none: 'no page tables are shared in the simulation; only the wider events of such mappings are',
  },
  {
    what: 'dirty tracking of a graphics driver (wp_shared_mapping_range)',
    says: 'PROTECTION_PAGE',
    none: 'no process can cause it: a driver does it to its own mappings',
  },
  {
    what: 'UFFDIO_MOVE',
    says: 'CLEAR over the source',
    cases: ['events/userfaultfd/move', 'events/userfaultfd/a-device-waits-for-a-move'],
  },
  {
    what: 'mlock, munlock',
    says: 'none',
    cases: [
      'events/mlock/lock',
      'events/mlock/shared-memory',
      'events/mlock/grows-with-what-is-there',
    ],
  },
  {
    what: 'what mlock makes a copy of: shared private pages, the zero page; and mprotect of locked pages',
    says: 'CLEAR',
    cases: ['events/mlock/makes-copies', 'events/mlock/made-writable'],
  },
  {
    what: 'advice that drops pages, of locked ones',
    says: 'none; EINVAL',
    cases: [
      'events/mlock/advice-that-drops-pages',
      'events/mlock/advice-up-to-what-is-locked',
      'events/mlock/remove-of-shared-memory',
      'events/mlock/guards-do-not-replace-it',
      'events/mlock/is-not-reclaimed',
    ],
  },
  {
    what: 'growth of a stack (MAP_GROWSDOWN), by the CPU only',
    says: 'none',
    cases: ['events/stack/grows', 'events/stack/not-for-a-device', 'events/stack/of-a-child'],
  },
  {
    what: 'a uprobe is put into a page of a file, and removed',
    says: 'CLEAR',
    cases: [
      'events/uprobe/put-and-removed',
      'events/uprobe/in-a-page-that-was-changed',
      'events/uprobe/of-a-child',
    ],
  },
]

/** What a range fault says of a page in which situation (`hmm_range_fault`). */
export const FAULT_RESULTS: readonly TableLine[] = [
  {
    what: 'no mapping',
    says: 'error; EFAULT',
    cases: ['range-fault/snapshot/hole', 'range-fault/fault/hole'],
  },
  {
    what: 'a mapping without the right to read',
    says: 'error; EFAULT',
    cases: [
      'range-fault/snapshot/prot-none',
      'range-fault/snapshot/write-only',
      'range-fault/snapshot/exec-only',
      'range-fault/fault/prot-none',
    ],
  },
  {
    what: 'VM_IO, VM_PFNMAP, pages without a struct page',
    says: 'error; EFAULT',
    cases: [
      'range-fault/driver-pages/io',
      'range-fault/driver-pages/io-beside-memory',
      'range-fault/driver-pages/without-a-struct-page',
    ],
  },
  {
    what: 'write asked for, mapping read-only',
    says: 'EPERM',
    cases: [
      'range-fault/fault/write-to-read-only',
      'range-fault/fault/write-to-read-only-untouched',
      'range-fault/hugetlb/write-to-read-only',
    ],
  },
  {
    what: 'nothing there',
    says: 'none; faulted in',
    cases: [
      'range-fault/snapshot/untouched',
      'range-fault/fault/read-of-a-hole',
      'range-fault/fault/write-of-a-hole',
    ],
  },
  {
    what: 'mark of userfaultfd, nothing there',
    says: 'none; faulted in',
    cases: ['range-fault/userfaultfd/marked-and-not-there'],
  },
  { what: 'guard', says: 'none; EFAULT', cases: ['events/advice/guard'] },
  { what: 'swapped out', says: 'none; faulted in', cases: ['events/advice/pageout'] },
  {
    what: 'on its way to another frame',
    says: 'none; waits',
    tests: [[EVENTS, 'during it: snapshots see nothing']],
  },
  { what: 'broken memory', says: 'none; EFAULT', cases: ['events/advice/hwpoison'] },
  {
    what: 'own device page',
    says: 'valid, never migrated',
    cases: [
      'memory/cpu-fault/fault-of-the-own-device-leaves-it',
      'memory/corners/write-fault-of-a-read-only-device-page',
      'memory/migrate/to-device',
    ],
  },
  {
    what: 'own device pages in one block',
    says: 'valid, with the order',
    cases: ['memory/huge-page/there-and-back'],
  },
  {
    what: 'own page of device-coherent memory',
    says: 'valid, as other memory',
    cases: ['memory/coherent/read-and-written-where-it-is'],
  },
  {
    what: "another device's page of device-coherent memory",
    says: 'valid, as other memory',
    cases: ['memory/coherent/another-device-reaches-it'],
  },
  {
    what: 'page of another device',
    says: 'none; comes back',
    cases: ['memory/cpu-fault/fault-of-another-device-brings-it-back'],
  },
  {
    what: 'block of another device',
    says: 'error; comes back',
    cases: ['memory/huge-page/another-device'],
  },
  {
    what: 'exclusive to a device',
    says: 'none; taken back',
    cases: ['exclusive/takes-the-page-from-the-cpu', 'exclusive/read-revokes'],
  },
  {
    what: 'NUMA hint',
    says: 'not valid; faulted',
    cases: [
      'events/numa-scan/scan',
      'events/numa-scan/zero-page',
      'events/numa-scan/read-only-memory',
    ],
  },
  {
    what: 'zero page (no flag says so, its frame does)',
    says: 'valid, not writable; a write replaces it',
    cases: ['range-fault/snapshot/zero-page', 'range-fault/fault/write-to-the-zero-page'],
  },
  {
    what: 'huge page',
    says: 'valid, with the order; the requests of all its pages count together',
    cases: [
      'events/huge-page/order',
      'events/huge-page/protected-as-a-whole',
      'range-fault/huge-page/order-as-it-is',
      'range-fault/huge-page/fault-of-one-page',
      'range-fault/huge-page/requests-count-together',
    ],
  },
  {
    what: 'huge zero page',
    says: 'valid, not writable, with the order; a write replaces it',
    cases: ['range-fault/huge-page/zero-page', 'range-fault/huge-page/write-to-the-zero-page'],
  },
  {
    what: 'hugetlb',
    says: 'valid, with the order; the first request counts',
    cases: [
      'range-fault/hugetlb/order',
      'range-fault/hugetlb/only-the-first-request-counts',
      'range-fault/hugetlb/of-1-gib',
    ],
  },
  {
    what: 'copy-on-write',
    says: 'valid, not writable; a write copies',
    cases: ['range-fault/snapshot/copy-on-write', 'range-fault/fault/write-breaks-copy-on-write'],
  },
  {
    what: 'page of a driver (VM_MIXEDMAP, vm_insert_page)',
    says: 'valid, as other memory; EFAULT when it is gone',
    cases: [
      'range-fault/driver-pages/private',
      'range-fault/driver-pages/shared',
      'range-fault/driver-pages/gone-for-good',
    ],
  },
  {
    what: 'page of a file',
    says: 'as other memory; on a disk not writable before the first write',
    cases: [
      'range-fault/snapshot/private-file-read',
      'range-fault/snapshot/shared-file-written',
      'range-fault/fault/shared-file',
      'events/writeback/read-then-written',
    ],
  },
  {
    what: 'page of a file in persistent memory (DAX)',
    says: 'as other memory',
    cases: ['events/dax/read-and-written', 'events/dax/faults', 'events/dax/private-copy'],
  },
  {
    what: 'hole in persistent memory',
    says: 'the zero page, or the huge zero page; a write fills it',
    cases: [
      'events/dax/hole-is-the-zero-page',
      'events/dax/hole-that-a-device-writes',
      'events/dax-huge-page/hole-is-the-huge-zero-page',
      'events/dax-huge-page/hole-that-a-device-writes',
    ],
  },
  {
    what: 'block of persistent memory',
    says: 'valid, with the order; a fault of one page is one of all',
    cases: ['events/dax-huge-page/read-then-written', 'events/dax-huge-page/faults'],
  },
  {
    what: 'beyond the end of a file (SIGBUS)',
    says: 'EFAULT',
    cases: [
      'range-fault/fault/beyond-the-end-of-a-file',
      'range-fault/hugetlb/beyond-the-end-of-a-file',
    ],
  },
  { what: 'no memory', says: 'ENOMEM', tests: [['fail-every-point.test.ts', 'fail']] },
  {
    what: 'an invalidation came between',
    says: 'again, EBUSY at the deadline',
    cases: ['sequence/commit/refused-after-munmap', 'sequence/protocol/munmap'],
  },
  {
    what: 'userfaultfd serves the page',
    says: 'none; waits (Linux 7.3), else EFAULT',
    cases: [
      'range-fault/userfaultfd/snapshot-does-not-wait',
      'range-fault/userfaultfd/read-waits',
      'range-fault/userfaultfd/cannot-wait',
    ],
  },
  {
    what: 'a page was served: progress',
    says: 'the deadline begins again',
    cases: [
      'range-fault/userfaultfd/served-pages-are-progress',
      'range-fault/userfaultfd/nobody-serves',
    ],
  },
  {
    what: 'the wait is aborted',
    says: 'EINTR',
    cases: ['range-fault/userfaultfd/aborted-while-it-waits'],
  },
  {
    what: 'the process dies of the OOM killer',
    says: 'EFAULT',
    cases: ['events/oom-reaper/nothing-comes-back', 'events/oom-reaper/reap'],
  },
  {
    what: 'what is faulted with a page',
    says: 'its successors in the page table',
    cases: [
      'range-fault/per-page/over-fault',
      'range-fault/per-page/over-fault-with-the-first-kind',
    ],
  },
]

/** The page of the documentation. */
export function describeTables(): string {
  const part = (title: string, columns: [string, string], lines: readonly TableLine[]): string =>
    [
      `## ${title}\n`,
      `| ${columns[0]} | ${columns[1]} | tested by |`,
      '| --- | --- | --- |',
      ...lines.map((line) => `| ${line.what} | ${line.says} | ${testedBy(line)} |`),
    ].join('\n')
  return `# The memory model, line by line

What the kernel does to the memory of a process, and where it is tested. A name such as
\`events/mapping/munmap\` is a case of the conformance suite, which every backend runs: the simulation, and
real kernels. What no program can cause at will is tested on the simulation alone (_in italics_).

${part('Who raises which event', ['source', 'event'], EVENT_SOURCES)}

${part('What a range fault says', ['situation', 'snapshot; fault'], FAULT_RESULTS)}
`
}

function testedBy({ cases = [], tests = [], none }: TableLine): string {
  const names = [
    ...cases.map((address) => `\`${address}\``),
    ...tests.map(([, name]) => `_${name}_`),
    ...(none === undefined ? [] : [none]),
  ]
  return names.join(', ')
}
