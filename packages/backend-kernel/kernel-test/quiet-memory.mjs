import { writeFileSync } from 'node:fs'

/**
 * What the kernel does to memory of its own accord, when it finds time, is left out: tests count what their
 * own steps cause. khugepaged collapses, kcompactd moves pages.
 */
const SETTINGS = [
  ['/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan', '1'],
  ['/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs', '4000000000'],
  ['/sys/kernel/mm/transparent_hugepage/khugepaged/alloc_sleep_millisecs', '4000000000'],
  // Where huge pages are for those who ask (`madvise`), the first who does wakes khugepaged once all the same.
  ['/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_none', '0'],
  ['/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_swap', '0'],
  // With that, a huge page of zeros counts as hardly used: without memory the kernel would take it to pieces.
  ['/sys/kernel/mm/transparent_hugepage/shrink_underused', '0'],
  ['/proc/sys/vm/compaction_proactiveness', '0'],
  ['/sys/kernel/mm/ksm/run', '0'],
  ['/proc/sys/kernel/numa_balancing', '0'],
  // Cases that switch it on wait for a few milliseconds of work, not for seconds.
  ['/sys/kernel/debug/sched/numa_balancing/scan_delay_ms', '1'],
  ['/sys/kernel/debug/sched/numa_balancing/scan_period_min_ms', '1'],
]

/** Sets what there is, and says what could not be set. */
export function quietMemory() {
  const failed = []
  for (const [file, value] of SETTINGS) {
    try {
      writeFileSync(file, value)
    } catch (error) {
      if (error.code !== 'ENOENT') failed.push(`${file}: ${error.code}`)
    }
  }
  return failed.length === 0 ? 'no daemon changes memory' : `not set: ${failed.join(', ')}`
}
