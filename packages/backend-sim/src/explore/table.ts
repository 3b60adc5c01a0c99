import type { Row } from './row.js'

/**
 * The steps of a schedule for a terminal: one column per strand, one line per step. `>` marks a
 * step that came by a switch, `*` the two steps that race; the source lines stand on the right. Of a
 * long schedule the middle is left out, but for what matters.
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
  const digits = Math.max(4, String(rows.at(-1)!.step).length)
  const line = (step: string, cells: readonly string[], source: string): string =>
    `${step.padStart(digits)} ${cells.map((cell, i) => fit(cell, column[i]!)).join('  ')}  ${source}`.trimEnd()
  const lines = [line('', strands, '')]
  lines.push(
    line(
      '',
      column.map((cells) => '-'.repeat(cells)),
      '',
    ),
  )
  let before = -1
  for (const index of shown(rows)) {
    if (index > before + 1)
      lines.push(`${' '.repeat(digits)} … ${index - before - 1} steps like these`)
    before = index
    const { step, strand, point, switched, racing, source } = rows[index]!
    const mark = racing ? '*' : switched ? '>' : ' '
    const cells = strands.map((each) => (each === strand ? `${mark} ${point}` : ''))
    lines.push(line(String(step), cells, fit(source ?? '', sources)))
  }
  return lines.join('\n')
}

/** Steps at both ends of a long schedule, and around what matters in it, that are worth reading. */
const ENDS = 20
const AROUND = 3

/** Which rows are printed: all but of long schedules, such as those of somebody who polls for ever. */
function shown(rows: readonly Row[]): readonly number[] {
  const matters = new Set<number>()
  const add = (from: number, to: number): void => {
    for (let i = Math.max(0, from); i < Math.min(rows.length, to); i++) matters.add(i)
  }
  if (rows.length <= 5 * ENDS) add(0, rows.length)
  else {
    add(0, ENDS)
    add(rows.length - ENDS, rows.length)
    for (const [i, { switched, racing }] of rows.entries()) {
      if (switched || racing) add(i - AROUND, i + AROUND + 1)
    }
  }
  return [...matters].sort((a, b) => a - b)
}

/** `text` with exactly `width` characters; too long ones lose their middle. */
function fit(text: string, width: number): string {
  if (text.length <= width) return text.padEnd(width)
  const tail = Math.floor((width - 1) / 2)
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`
}
