// Looks for programs on which two backends differ, and makes those that it finds short.
import fc from 'fast-check'
import { programs } from './arbitrary.mjs'
import { runProgram } from './run-program.mjs'
import { Side } from './side.mjs'

const SHRINK_SECONDS = 120
/** How often a program that differed once is run again before the difference counts as one that comes and goes. */
const SUSPECT_RUNS = 3

/** Runs programs on fresh or reused sides, so that one program's end is the next one's beginning. */
export class Pair {
  #open
  #options
  #sides = {}

  /** `open`: by name, a function that opens a backend, and whether it may serve many programs; `options`: those of a side. */
  constructor(open, options = {}) {
    this.#open = open
    this.#options = options
  }

  /** The difference, or undefined. What breaks inside is a difference too. */
  async run(program) {
    for (const [name, { backend }] of Object.entries(this.#open))
      this.#sides[name] ??= await Side.open(await backend(), this.#options)
    const sides = Object.fromEntries(
      Object.keys(this.#open).map((name) => [name, this.#sides[name]]),
    )
    let difference
    try {
      difference = await runProgram(program, sides)
    } catch (error) {
      difference = { index: -1, error: String(error?.stack ?? error), differences: [] }
    }
    await this.close((name) => difference !== undefined || this.#open[name].reuse !== true)
    return difference
  }

  async close(which = () => true) {
    for (const [name, side] of Object.entries(this.#sides)) {
      if (!which(name)) continue
      delete this.#sides[name]
      await Promise.race([side.close().catch(() => undefined), seconds(20)])
    }
  }
}

const seconds = (count) => new Promise((resolve) => setTimeout(resolve, count * 1000).unref())

/** Program `number` of seed `seed`: always the same for the same `steps`, `only` and `also`. */
export function numberedProgram(number, { seed, steps, only, also }) {
  const [program] = fc.sample(programs({ steps, only, also }), {
    seed: (seed * 0x9e3779b1 + number) | 0,
    numRuns: 1,
  })
  return program
}

/** `count` programs from number `first` on, with their numbers. */
export function* numberedPrograms({ count, first = 0, ...options }) {
  for (let number = first; number < first + count; number++)
    yield { number, program: numberedProgram(number, options) }
}

/**
 * Runs the programs of `source`. `onFailure` gets each shrunk program with its difference; after
 * `maxFailures` of them it ends. `suspect` says at which step a program of the source seems to differ (or -1)
 * where that is known by a cheaper way than running both sides.
 */
export async function hunt(pair, source, options = {}) {
  const { steps, only, also, shrinkSeconds = SHRINK_SECONDS, suspect } = options
  const { maxFailures = 1, onFailure = () => undefined, onProgress = () => undefined } = options
  const arbitrary = programs({ steps, only, also })
  const totals = { passed: 0, failed: 0 }
  for await (const entry of source) {
    const { number, program } = entry
    const index = await suspect?.(entry)
    const found =
      index === -1 ? undefined : await check(pair, arbitrary, program, index, shrinkSeconds)
    if (found === undefined) totals.passed += 1
    else {
      totals.failed += 1
      onFailure({ number, ...found })
    }
    onProgress({ number, ...totals })
    if (totals.failed >= maxFailures) break
  }
  return totals
}

/** The program, if the sides differ on it: shrunk as far as the time allows. */
async function check(pair, arbitrary, program, index, shrinkSeconds) {
  for (let run = 0; run < (index === undefined ? 1 : SUSPECT_RUNS); run++) {
    const difference = await pair.run(program)
    if (difference !== undefined)
      return shrink(pair, arbitrary, { program, difference }, shrinkSeconds)
  }
  if (index === undefined) return undefined
  const error = `it differed at step ${index + 1}, and not in ${SUSPECT_RUNS} more runs of both sides`
  return { program, difference: { index, error, differences: [] }, runs: SUSPECT_RUNS }
}

/**
 * A shorter program on which the sides differ too. First what comes after the difference goes, then parts of
 * what is left, from halves down to single steps; then fast-check makes the steps themselves simple.
 */
export async function shrink(pair, arbitrary, found, limitSeconds) {
  const end = performance.now() + limitSeconds * 1000
  let runs = 1
  const inTime = () => performance.now() < end
  const attempt = async (program) => {
    runs += 1
    const difference = await pair.run(program)
    if (difference === undefined) return false
    found = { program: upTo(program, difference), difference }
    return true
  }
  found = { ...found, program: upTo(found.program, found.difference) }
  for (let size = found.program.steps.length >> 1; size >= 1 && inTime();) {
    let smaller = false
    for (let at = found.program.steps.length - size; at >= 0 && inTime(); at -= size) {
      const steps = found.program.steps.toSpliced(at, size)
      if (await attempt({ ...found.program, steps })) smaller = true
    }
    if (size > 1 || !smaller) size >>= 1
  }
  for (let simpler = true; simpler && inTime();) {
    simpler = false
    for (const { value } of arbitrary.shrink(found.program, undefined)) {
      if (!inTime()) break
      simpler = await attempt(value)
      if (simpler) break
    }
  }
  return { ...found, runs }
}

/** The steps up to the one that showed the difference. */
function upTo(program, { index }) {
  return index < 0 ? program : { ...program, steps: program.steps.slice(0, index + 1) }
}
