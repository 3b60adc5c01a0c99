import { firstDifference } from './digest.mjs'
import { Side } from './side.mjs'

/** One side alone, against what the other showed elsewhere. */
export class ExpectedSide {
  #open
  #options
  #onBroken
  #side

  /** `open` opens the backend; `options`: those of a side; `onBroken` is told what went wrong inside, which counts as a difference. */
  constructor(open, options = {}, onBroken = () => undefined) {
    this.#open = open
    this.#options = options
    this.#onBroken = onBroken
  }

  /** At which step `program` shows something else than `digests` say, or -1. */
  async suspect({ program, digests }) {
    this.#side ??= await Side.open(await this.#open(), this.#options)
    let index = 0
    // Operations fail often, and as expected: a stack each time costs more than the operation.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    try {
      index = await firstDifference(program, this.#side, 'kernel', digests)
    } catch (error) {
      this.#onBroken(error)
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
    // What went wrong once may leave something behind.
    if (index !== -1) await this.close()
    return index
  }

  async close() {
    const side = this.#side
    this.#side = undefined
    if (side !== undefined) await Promise.race([side.close().catch(() => undefined), aWhile()])
  }
}

function aWhile() {
  return new Promise((resolve) => setTimeout(resolve, 20_000).unref())
}
