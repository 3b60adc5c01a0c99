import { CORE_BUGS } from './core-bugs.js'
import type { AnyBug } from './parts/bug.js'
import { fixAsDiff } from './parts/fix-as-diff.js'
import { upstreamOf, type BugResult } from './run-bug.js'

/** A run of the catalogue, as it is committed. */
export interface CatalogueRun {
  readonly date: string
  readonly node: string
  readonly seed: number
  readonly fixedSchedules: number
  readonly results: readonly BugResult[]
}

const HEAD = `# Real bugs, found again

Bugs that drivers really had, rebuilt as small drivers and found by exploration. Each is one file in
\`catalogue/bugs/\`, written at the level of the API where it lived: the driver with the bug, the driver
without it, and a scenario in which they run. \`npm run catalogue\` runs all of them and fails if one is not
found within 10 s on one core, needs more than 6 switches after shrinking, is not found again by its
token, or if its fixed variant fails under any schedule.

_This file is written by \`npm run catalogue -- --write\`; the figures are those of its run._`

const NOT_STOOD_FOR = `Where none is named, the race is inside one call, which a wrapped backend cannot break, and a test explores
the simulation for it. Nothing stands for what the simulation has no counterpart of: pages of a
device on LRU lists (mm/madvise: skip zone device folios in cold/pageout PMD range; mm/migrate_device: don't
add folio to be freed to LRU in migrate_device_finalize()), flags of entries that are not present
(mm: migrate_device: fix pte_pfn/pte_dirty called on non-present PTE), bounce buffers for MMIO
(iommu/dma: skip swiotlb bounce for DMA_ATTR_MMIO in iommu_dma_map_phys) and references of pages of a
provider (PCI/P2PDMA: Release per-CPU pgmap ref when vm_insert_page() fails).`

/** `docs/catalogue.md`, from the bugs, a run and the sources. */
export function catalogueTable(
  bugs: readonly AnyBug[],
  run: CatalogueRun,
  sourceOf: (id: string) => string,
): string {
  const byId = new Map(run.results.map((result) => [result.id, result]))
  const rows = bugs.map((bug) => {
    const result = byId.get(bug.id)
    if (result === undefined) throw new Error(`the run has no result of ${bug.id}`)
    return [
      `[${bug.id}](#${bug.id})`,
      bug.level,
      result.schedules ?? 'not found',
      result.switches ?? '',
      result.seconds.toFixed(2),
      `${result.fixedPasses.toLocaleString('en')}${result.fixedComplete ? ' (all)' : ''}`,
      bug.mirror.answer,
    ]
  })
  const sections = bugs.map((bug) => section(bug, byId.get(bug.id) as BugResult, sourceOf(bug.id)))
  return (
    [
      HEAD,
      `Run with seed ${run.seed} on Node ${run.node}, one core. _Schedules_: until it was found. _Switches_: of the
shrunk schedule. _Seconds_: until it was found and shrunk. _Fixed_: schedules of the fixed variant
without a finding, "all" if there are no others. _Mirror_: how the high-level \`Mirror\` answers the bug.`,
      answers(bugs),
      markdownTable(['bug', 'level', 'schedules', 'switches', 'seconds', 'fixed', 'Mirror'], rows),
      '## Bugs of the core',
      `These were in \`mm/\`, where a driver cannot mend them. They are broken backends instead, and the
conformance suite must turn red for each of them.`,
      markdownTable(
        ['upstream', 'broken backend', 'what shows it'],
        CORE_BUGS.map(({ upstream, broken, shows }) => [upstream, broken, `\`${shows}\``]),
      ),
      NOT_STOOD_FOR,
      ...sections,
    ].join('\n\n') + '\n'
  )
}

/** How many bugs the high-level API answers in which way. */
function answers(bugs: readonly AnyBug[]): string {
  const counts = new Map<string, number>()
  for (const { mirror } of bugs) counts.set(mirror.answer, (counts.get(mirror.answer) ?? 0) + 1)
  const list = [...counts].map(([answer, count]) => `${count} ${answer}`).join(', ')
  return `${bugs.length} bugs; for a driver that is written with \`Mirror\`: ${list}.`
}

function section(bug: AnyBug, result: BugResult, source: string): string {
  const evidence = bug.mirror.evidence.map((each) => `\`${each}\``).join(', ')
  return [
    `## ${bug.id}`,
    bug.about,
    `Upstream: ${upstreamOf(bug)}. Found as: ${code(result.finding)}`,
    ...(bug.adapted === undefined ? [] : [`Here: ${bug.adapted}`]),
    `\`\`\`diff\n${fixAsDiff(source).join('\n')}\n\`\`\``,
    `Mirror: ${bug.mirror.answer}: ${bug.mirror.because} (${evidence}).`,
  ].join('\n\n')
}

function code(text: string): string {
  return `\`${text.replaceAll('`', "'").replace(/0x[0-9a-f]+/g, '0x…')}\``
}

function markdownTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const line = (cells: readonly (string | number)[]): string =>
    `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
