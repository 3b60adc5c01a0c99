// A program on one side, step by step.
const STEP_SECONDS = 30

/** A step that does not end. */
export class Hang extends Error {
  name = 'Hang'
}

/**
 * Runs `program` on `side` and yields each step with what there was to be seen after it, then what the
 * memory contains, then what was left over. A caller that stops early still closes what the program made.
 */
export async function* trace(program, side, name) {
  await limited(`begin on ${name}`, side.begin())
  let ended = false
  try {
    for (const [index, step] of program.steps.entries()) {
      const what = `step ${index + 1} on ${name}`
      yield {
        step,
        seen: await limited(
          what,
          look(side, 'result', () => side.step(step)),
        ),
      }
    }
    yield {
      step: { op: 'contents' },
      seen: await limited(
        `contents on ${name}`,
        look(side, 'contents', () => side.contents()),
      ),
    }
    ended = true
    yield { step: { op: 'end' }, seen: { left: await limited(`end on ${name}`, side.end()) } }
  } finally {
    if (!ended) await limited(`end on ${name}`, side.end())
  }
}

async function look(side, key, work) {
  return { [key]: await work(), ...(await side.observe()) }
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
