// A program on one side, step by step.
// An emulated processor may stand still for half a minute while the machine does something else.
const STEP_SECONDS = 120

/** A step that does not end. */
export class Hang extends Error {
  name = 'Hang'
}

/**
 * Runs `program` on `side` and yields each step with what there was to be seen after it, then what the
 * memory contains, then what was left over. A caller that stops early still closes what the program made.
 */
export async function* trace(program, side, name) {
  const watchdog = new Watchdog(name)
  let ended = true
  try {
    await watchdog.watch('begin', side.begin())
    ended = false
    for (const [index, step] of program.steps.entries()) {
      const seen = look(side, 'result', side.step(step))
      yield { step, seen: await watchdog.watch(`step ${index + 1}`, seen) }
    }
    const seen = look(side, 'contents', side.contents())
    yield { step: { op: 'contents' }, seen: await watchdog.watch('contents', seen) }
    ended = true
    yield { step: { op: 'end' }, seen: { left: await watchdog.watch('end', side.end()) } }
  } finally {
    if (!ended) await watchdog.watch('end', side.end())
    watchdog.stop()
  }
}

async function look(side, key, work) {
  return { [key]: await work, ...(await side.observe()) }
}

/** One timer for all steps of a program: to start and stop one for each costs more than some steps. */
class Watchdog {
  #what = ''
  #timer
  #late

  constructor(name) {
    this.#late = new Promise((_, reject) => {
      this.#timer = setTimeout(
        () => reject(new Hang(`${this.#what} on ${name} is not done after ${STEP_SECONDS} s`)),
        STEP_SECONDS * 1000,
      )
    })
    // Between two steps nobody waits for it.
    this.#late.catch(() => undefined)
  }

  /** What `promise` gives, if it is soon enough. */
  watch(what, promise) {
    this.#what = what
    this.#timer.refresh()
    return Promise.race([promise, this.#late])
  }

  stop() {
    clearTimeout(this.#timer)
  }
}
