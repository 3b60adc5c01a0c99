const NUMERIC = new Set([1, 3, 4])

/** The rows as a person reads them. */
export function printTable(rows) {
  const table = [
    ['name', 'value', 'unit', 'reference', 'ratio', 'bar', 'ok'],
    ...rows.map((row) => [
      row.name,
      rounded(row.value),
      row.unit,
      rounded(row.reference),
      rounded(row.ratio),
      barText(row),
      row.ok ? 'yes' : 'NO',
    ]),
  ]
  const widths = table[0].map((_, column) =>
    Math.max(...table.map((cells) => cells[column].length)),
  )
  for (const cells of table) {
    const padded = cells.map((cell, column) =>
      NUMERIC.has(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
    )
    console.log(padded.join('  ').trimEnd())
  }
}

/** Three digits, which is more than a measurement is worth; nothing for null. */
export function rounded(value) {
  return value === null ? '' : String(Number(value.toPrecision(3)))
}

/** What the ratio, or the value, must keep to; nothing where there is no bar. */
export function barText({ bar, better }) {
  return bar === null ? '' : `${better === 'lower' ? '<=' : '>='} ${bar}`
}
