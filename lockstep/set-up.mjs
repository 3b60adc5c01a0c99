// A quiet kernel: what would change memory behind a program's back is switched off, so that the same program
// gives the same events and states every time.
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'

const HUGE = '/sys/kernel/mm/transparent_hugepage'

/** File -> what it is set to, and why. */
function settings({ thp }) {
  return [
    [`${HUGE}/enabled`, thp, 'huge pages as the simulation has them'],
    [`${HUGE}/shmem_enabled`, 'deny', 'the simulation has none in files in memory'],
    [`${HUGE}/khugepaged/defrag`, '0', 'khugepaged collapses at its own time'],
    [`${HUGE}/khugepaged/scan_sleep_millisecs`, '4294967295', 'the same'],
    [`${HUGE}/shrink_underused`, '0', 'reclaim takes huge pages of zeros'],
    [`${HUGE}/hugepages-2048kB/enabled`, 'inherit', 'as all huge pages'],
    ...sizes()
      .filter((size) => size !== 'hugepages-2048kB')
      .flatMap((size) => [
        [`${HUGE}/${size}/enabled`, 'never', 'no folio of several pages'],
        [`${HUGE}/${size}/shmem_enabled`, 'never', 'the same in memory files'],
      ]),
    ['/sys/kernel/mm/ksm/run', '2', 'KSM merges equal pages'],
    ['/proc/sys/kernel/numa_balancing', '0', 'its scan raises protection-vma'],
    ['/proc/sys/vm/compaction_proactiveness', '0', 'compaction migrates pages'],
    ['/proc/sys/vm/swappiness', '0', 'reclaim by explicit step only'],
    ['/proc/sys/vm/page-cluster', '0', 'swap-in brings one page'],
    ['/sys/kernel/debug/fault_around_bytes', '4096', 'a file fault maps one page'],
    ['/sys/module/page_reporting/parameters/page_reporting_order', undefined, ''],
  ].filter(([, value]) => value !== undefined)
}

function sizes() {
  try {
    return readdirSync(HUGE).filter((name) => name.startsWith('hugepages-'))
  } catch {
    return []
  }
}

/**
 * Sets all of it (`write`), or only looks; returns one line for each, and how many are not as wanted although
 * the kernel has them.
 */
export function setUp({ write, thp = 'never' }) {
  const lines = [
    `cpus: ${cpus().length} (wanted: 1, as reuse after a copy-on-write depends on per-CPU batches)`,
  ]
  lines.push(swapOn(write))
  let wrong = (cpus().length === 1 ? 0 : 1) + (lines[1] === 'swap: on' ? 0 : 1)
  for (const [file, value, why] of settings({ thp })) {
    const before = read(file)
    if (before === undefined) {
      lines.push(`${file}: not there`)
      continue
    }
    if (write && before !== value) attempt(() => writeFileSync(file, value))
    const now = read(file)
    if (now !== value) wrong += 1
    lines.push(
      `${file}: ${before}${now === before ? '' : ` -> ${now}`}${now === value ? '' : ` (wanted: ${value}: ${why})`}`,
    )
  }
  return { lines, wrong }
}

/** Swap in memory, so that pages can be reclaimed; a line that says whether there is any. */
function swapOn(write) {
  const isOn = () => (read('/proc/swaps') ?? '').split('\n').length > 1
  if (!isOn() && write) {
    attempt(() => {
      execFileSync('modprobe', ['zram'])
      writeFileSync('/sys/block/zram0/disksize', '256M')
      execFileSync('mkswap', ['/dev/zram0'], { stdio: 'ignore' })
      execFileSync('swapon', ['/dev/zram0'])
    })
  }
  return isOn() ? 'swap: on' : 'swap: off (wanted: on, in zram: pages can be reclaimed)'
}

/** A setting's value; of a choice such as `always [madvise] never`, the chosen word. */
function read(file) {
  const text = attempt(() => readFileSync(join(file), 'utf8').trim())
  return /\[(\w+)\]/.exec(text ?? '')?.[1] ?? text
}

function attempt(work) {
  try {
    return work()
  } catch {
    return undefined
  }
}
