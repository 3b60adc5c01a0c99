// What failed in the output of a stage: said once more at the end of CI, where a log that was cut still has it.

/** Lines kept of one failure. */
const LINES = 12

/**
 * The failures in the lines of a test's output, each with what is indented below it: `not ok NAME` and `FAIL NAME` of
 * our own runners, with the kernel's name before it where several run beside each other, and vitest's.
 */
export function failures(output) {
  const lines = output.split('\n')
  return lines.flatMap((line, index) => {
    const found = /^(\S.*?: )?(?:not ok|FAIL) /.exec(line)
    if (found) return [[line, ...below(lines, index, found[1] ?? '')].join('\n')]
    if (/^ +FAIL /.test(line)) return [lines.slice(index, index + LINES).join('\n')]
    return []
  })
}

function below(lines, index, prefix) {
  const own = lines.slice(index + 1).filter((line) => line.startsWith(prefix))
  const end = own.findIndex((line) => !line.startsWith(`${prefix} `))
  return own.slice(0, Math.min(end === -1 ? own.length : end, LINES))
}
