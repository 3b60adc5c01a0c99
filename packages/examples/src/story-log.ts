/** Something in a story was not as it must be. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed'
}

/** What a story did, step by step, and how many bytes it compared. */
export class StoryLog {
  readonly steps: string[] = []
  readonly #onStep: (text: string) => void
  #verifiedBytes = 0

  constructor(onStep: (text: string) => void = () => undefined) {
    this.#onStep = onStep
  }

  /** Bytes that were compared, and were right. */
  get verifiedBytes(): number {
    return this.#verifiedBytes
  }

  /** Says what was done; after it was checked. */
  step(text: string): void {
    this.steps.push(text)
    this.#onStep(text)
  }

  /** Fails the story unless both are the same bytes. */
  equal(what: string, actual: Uint8Array, expected: Uint8Array): void {
    this.oneOf(what, actual, [expected])
  }

  /** Fails the story unless the bytes are those of one of the candidates, and not of a mix. */
  oneOf(what: string, actual: Uint8Array, candidates: readonly Uint8Array[]): void {
    const wrong = candidates.map((candidate) => firstDifference(actual, candidate))
    if (wrong.includes(undefined)) {
      this.#verifiedBytes += actual.length
      return
    }
    const at = Math.max(...wrong.map((index) => index ?? 0))
    throw new CheckFailed(
      `${what}: byte ${at} of ${actual.length} is wrong (0x${(actual[at] ?? 0).toString(16)})`,
    )
  }

  /** Fails the story unless `condition` holds. */
  expect(what: string, condition: boolean): void {
    if (!condition) throw new CheckFailed(what)
  }
}

/**
 * Something that goes on while the story does; it is awaited later. If the story ends before that,
 * its clean-up ends this too, and nobody is left to hear how.
 */
export function meanwhile<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined)
  return work
}

function firstDifference(actual: Uint8Array, expected: Uint8Array): number | undefined {
  const length = Math.max(actual.length, expected.length)
  for (let index = 0; index < length; index++) if (actual[index] !== expected[index]) return index
  return undefined
}
