// A program on two sides, compared after every step.
import { differences } from './compare.mjs'
import { normalise } from './normalise.mjs'

const STEP_SECONDS = 30

/** A step that does not end. */
export class Hang extends Error {
  name = 'Hang'
}

/**
 * Runs `program` on both sides. Undefined when nothing differs; else which step (from 0; the number of steps
 * for what came after the last one), what both sides showed, and where they differ.
 */
export async function runProgram(program, sides) {
  const each = (what, work) => both(sides, what, work)
  await each('begin', (side) => side.begin())
  let difference
  for (const [index, step] of program.steps.entries()) {
    const results = await each(`step ${index + 1}`, async (side) => ({
      result: await side.step(step),
      ...(await side.observe()),
    }))
    difference = compared(index, step, results)
    if (difference !== undefined) break
  }
  difference ??= compared(
    program.steps.length,
    { op: 'contents' },
    await each('contents', async (side) => ({
      contents: await side.contents(),
      ...(await side.observe()),
    })),
  )
  const left = await each('end', async (side) => ({ left: await side.end() }))
  return difference ?? compared(program.steps.length, { op: 'end' }, left)
}

function compared(index, step, [left, right]) {
  const found = differences(normalise(step, left), normalise(step, right))
  return found.length === 0 ? undefined : { index, left, right, differences: found }
}

async function both(sides, what, work) {
  const results = []
  for (const [name, side] of Object.entries(sides)) {
    results.push(await limited(`${what} on ${name}`, work(side)))
  }
  return results
}

async function limited(what, promise) {
  let timer
  const limit = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Hang(`${what} is not done after ${STEP_SECONDS} s`)),
      STEP_SECONDS * 1000,
    )
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    clearTimeout(timer)
  }
}
