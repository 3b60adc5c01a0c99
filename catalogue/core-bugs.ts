/** Bugs of section "mm" that no driver can have: what stands for them in the suite. */
export interface CoreBug {
  readonly upstream: string
  /** Name of the broken backend; empty where the simulation is tried instead. */
  readonly broken: string
  /** The conformance case that turns red, or the test that explores the simulation. */
  readonly shows: string
}

export const CORE_BUGS: readonly CoreBug[] = [
  {
    upstream:
      'mm/hmm: always return EBUSY for invalid ranges in hmm_range_{fault,snapshot} (5.2.17)',
    broken: 'no-retry-check',
    shows: 'case:sequence/commit/refused-after-munmap',
  },
  {
    upstream: 'mm/mmu_notifier.c: fix race in mmu_interval_notifier_remove() (319561669a59)',
    broken: 'events-after-close',
    shows: 'case:lifecycle/close/closed-mirror-hears-nothing',
  },
  {
    upstream: 'mm/mmu_notifiers: ensure range_end() is paired with range_start() (5.10.28)',
    broken: 'start-without-end',
    shows: 'case:sequence/protocol/begun-again',
  },
  {
    upstream: 'mm/hmm: fault non-owner device private entries (5.18.16)',
    broken: 'foreign-pages-usable',
    shows: 'case:memory/cpu-fault/fault-of-another-device-brings-it-back',
  },
  {
    upstream: 'mm/migrate: Trylock device page in do_swap_page (1afaeb8293c9)',
    broken: 'concurrent-touches-fail',
    shows: 'case:memory/cpu-fault/two-touches-at-once',
  },
  {
    upstream: 'mm: Fix a hmm_range_fault() livelock / starvation problem (a69d1ab971)',
    broken: 'faults-starve',
    shows: 'case:memory/cpu-fault/touch-while-another-device-faults',
  },
  {
    upstream: 'mm: take a page reference when removing device exclusive entries (6.1.25)',
    broken: '',
    shows: 'test:CPU touches of an exclusive page all end',
  },
]
