import type { Row } from './row.js'

/**
 * The steps of a schedule for a terminal: one column per strand, one line per step. `>` marks a
 * step that came by a switch, `*` the two steps that race; the source lines stand on the right.
 */
export function renderTable(rows: readonly Row[], width = 100): string {
  const strands = [...new Set(rows.map(({ strand }) => strand))]
  if (strands.length === 0) return ''
  const sources = Math.min(24, Math.max(0, ...rows.map(({ source }) => source?.length ?? 0)))
  const room = Math.floor((width - 5 - sources - 2 * strands.length) / strands.length)
  const column = strands.map((strand) => {
    const texts = rows.filter((row) => row.strand === strand).map(({ point }) => point.length + 2)
    return Math.max(8, Math.min(Math.max(strand.length, ...texts), room))
  })
  const line = (step: string, cells: readonly string[], source: string): string =>
    `${step.padStart(4)} ${cells.map((cell, i) => fit(cell, column[i]!)).join('  ')}  ${source}`.trimEnd()
  const lines = [line('', strands, '')]
  lines.push(
    line(
      '',
      column.map((cells) => '-'.repeat(cells)),
      '',
    ),
  )
  for (const { step, strand, point, switched, racing, source } of rows) {
    const mark = racing ? '*' : switched ? '>' : ' '
    const cells = strands.map((each) => (each === strand ? `${mark} ${point}` : ''))
    lines.push(line(String(step), cells, fit(source ?? '', sources)))
  }
  return lines.join('\n')
}

/** `text` with exactly `width` characters; too long ones lose their middle. */
function fit(text: string, width: number): string {
  if (text.length <= width) return text.padEnd(width)
  const tail = Math.floor((width - 1) / 2)
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`
}
