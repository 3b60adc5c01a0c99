/** The fix of a bug as a diff of its two variants, from the source text of its file. */
export function fixAsDiff(source: string): string[] {
  return lineDiff(variantIn(source, 'faulty'), variantIn(source, 'fixed'))
}

/** The lines of a variant: from its name to the next blank line; named alike in both. */
function variantIn(source: string, name: 'faulty' | 'fixed'): string[] {
  const lines = source.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`const ${name}`))
  if (start < 0) throw new Error(`no variant '${name}'`)
  const end = lines.indexOf('', start)
  return lines
    .slice(start, end)
    .map((line, index) => (index === 0 ? line.replace(name, 'driver') : line))
}

/** Longest common subsequence, as lines that begin with ' ', '-' or '+'. */
export function lineDiff(before: readonly string[], after: readonly string[]): string[] {
  const common = Array.from({ length: before.length + 1 }, () =>
    Array.from({ length: after.length + 1 }, () => 0),
  )
  const at = (i: number, j: number): number => common[i]?.[j] ?? 0
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      const same = before[i] === after[j]
      common[i]![j] = same ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const lines: string[] = []
  let i = 0
  let j = 0
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      lines.push(` ${before[i]}`)
      i++
      j++
    } else if (i < before.length && (j >= after.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(`-${before[i++]}`)
    } else lines.push(`+${after[j++]}`)
  }
  return lines
}
