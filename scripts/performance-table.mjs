// docs/performance.md, made of the rows in docs/performance.json.
import { barText, rounded } from '../bench/print-table.mjs'

/** What each row measures, and against what; in the order of the document. */
const WORK = {
  'snapshot-4k': ['snapshot of 262,144 present 4 KiB pages', 'two words a page, written in a loop'],
  'snapshot-mixed': ['the same of none, zero, read-only, swapped and present pages', 'the same'],
  'snapshot-2m': ['the same range in 2 MiB pages', 'the same'],
  'fault-in': ['262,144 pages faulted in for writing', 'the same'],
  'map-unmap': ['512 pages mapped for DMA and unmapped, through the IOMMU', 'a radix tree'],
  'map-unmap-1': ['the same of single pages', 'the same'],
  'invalidate-scale': ['munmap of a page, 100,000 notifiers watching others', 'with 100 notifiers'],
  'bytes-per-page': ['what a touched page costs (Linux: 72 bytes)', ''],
  'bytes-per-page-untouched': ['what the others cost, of a mapping of 1 TiB', ''],
  reset: ['a simulation made, 50 pages touched, closed', ''],
  'explore-rate': ['3 actors x 10 points, explored', 'the same in a bare async loop'],
  'explore-rate-fast-check': ['the same', "fast-check's scheduler"],
  'explore-sim': ['a mirror scenario, each time in a fresh simulation', 'a bare async loop'],
  'explore-memory': ['heap after 1,000,000 schedules', 'heap after 100,000'],
  'VirtualRange.at': ['an address of a range', 'an addition of bigints'],
  'kernel-batch': ['512 present pages mapped in one call, on a real kernel', 'the ioctl from C'],
  'kernel-call': ['the same with one page', 'the same'],
  'kernel-call-raw': ['the same below the API, without a promise', 'the same'],
  'kernel-call-fault': ['one page that has to be faulted in', 'the same'],
}

/** The document, before it is formatted. Throws for a row that it has no words for. */
export function performanceTable({ machine, rows }) {
  return `# Performance

<!-- Made by \`npm run performance\` of docs/performance.json; not by hand. -->

Measured on ${machine}, through the public API. A ratio is taken inside one run, value and reference by
turns, medians of the rounds: it tells more than the times, which are those of the machine.

${table(rows)}

## How to read it

- \`npm run bench\` measures the simulation, \`npm run bench -- --kernel\` the kernel backend; names of rows choose
  some; \`--json\` prints a line per row. It fails while a row misses its bar. \`npm run performance\` does both and
  writes this page.
- The references are files of their own: [bench/reference](../bench/reference). They are as fast as plain code
  gets, and do a part of the work only: a ratio is the price of everything else.
- Snapshots and faults are checked calls with their commit; the pages are there, in the page tables of the
  simulation, not in a summary.
- The rows of the kernel are measured inside the VM, where the processor may be emulated. JavaScript pays more
  for that than C does: its machine code is translated twice. The reference does the same ioctl from C, by turns
  with the API; what is left between them is the way from an \`await mirror.map()\` to that ioctl and back.
- Where the time of \`kernel-call\` goes, measured layer by layer beside a busy machine, of 9.9 µs: the ioctl from C
  6.25; asking for the time in JavaScript, and the way through Node-API, 1.05; backend, attempt and its commit 0.55;
  the API with all its checks, the mapping and the promise 1.25; the \`await\` 0.75. Natively API and \`await\` are 60 ns.
- \`kernel-call-fault\` has no bar: a call that may sleep runs on a thread of the addon, and comes back through the
  event loop.
`
}

function table(rows) {
  const header = ['row', 'work', 'value', 'reference', 'ratio', 'bar', 'met']
  const names = Object.keys(WORK)
  const sorted = [...rows].sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name))
  const cells = sorted.map((row) => {
    const [work, reference] = WORK[row.name] ?? []
    if (work === undefined) throw new Error(`no words for row ${row.name}: add them to WORK`)
    const compared = row.reference === null ? '' : `${rounded(row.reference)} (${reference})`
    const value = `${rounded(row.value)} ${row.unit}`
    const met = row.bar === null ? '' : row.ok ? 'yes' : '**no**'
    return [`\`${row.name}\``, work, value, compared, rounded(row.ratio), barText(row), met]
  })
  const line = (each) => `| ${each.join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...cells.map(line)].join('\n')
}
