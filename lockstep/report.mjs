import { describeProgram, describeStep } from './program.mjs'

/** What is printed for a program on which the sides differ. */
export function reportDifference({ program, difference }, names, { unit = 1 } = {}) {
  const { index, error, differences } = difference
  const lines = [describeProgram(program, index)]
  if (error !== undefined) return [...lines, error, replayLine(program, unit)].join('\n')
  const step = program.steps[index]
  lines.push(
    step === undefined
      ? 'differs at the end:'
      : `differs after step ${index + 1} (${describeStep(step)}):`,
  )
  for (const { path, left, right } of differences) {
    lines.push(`  ${path}: ${names[0]} ${show(left)}, ${names[1]} ${show(right)}`)
  }
  for (const [at, name] of names.entries()) {
    lines.push(`${name}: ${JSON.stringify(at === 0 ? difference.left : difference.right)}`)
  }
  return [...lines, replayLine(program, unit)].join('\n')
}

function show(value) {
  return value === undefined ? 'nothing' : JSON.stringify(value)
}

function replayLine(program, unit) {
  return `${unit === 1 ? '' : `--unit ${unit} `}--replay '${JSON.stringify(program)}'`
}
