// A program on two sides, compared after every step.
import { differences } from './compare.mjs'
import { normalise } from './normalise.mjs'
import { trace } from './trace.mjs'

/**
 * Runs `program` on both sides. Undefined when nothing differs; else which step (from 0; the number of steps
 * for what came after the last one), what both sides showed, and where they differ.
 */
export async function runProgram(program, sides) {
  const traces = Object.entries(sides).map(([name, side]) => trace(program, side, name))
  try {
    for (let index = 0; ; index++) {
      const results = []
      for (const each of traces) results.push((await each.next()).value)
      if (results[0] === undefined) return undefined
      const difference = compared(Math.min(index, program.steps.length), results)
      if (difference !== undefined) return difference
    }
  } finally {
    for (const each of traces) await each.return()
  }
}

function compared(index, results) {
  const [left, right] = results.map(({ seen }) => seen)
  const found = differences(...results.map(({ step, seen }) => normalise(step, seen)))
  return found.length === 0 ? undefined : { index, left, right, differences: found }
}
