/** A call that came back: who made it, and the public operation. */
export interface RecordedCall {
  readonly who: string
  readonly op: string
}

/** What a scenario did on a backend: the calls of its race, in the order in which they came back. */
export interface Recording {
  readonly hmm: 'recording'
  readonly version: 1
  /** Module and export of the scenario, or its name. */
  readonly target: string
  readonly backend: string
  readonly calls: readonly RecordedCall[]
  /** What the scenario threw, if it did. */
  readonly error?: string
}

/** One line of JSON, then one for each call. */
export function formatRecording({ calls, ...head }: Recording): string {
  return [head, ...calls].map((line) => `${JSON.stringify(line)}\n`).join('')
}

/** The recording in a text. TypeError for anything else, and for one of another version. */
export function parseRecording(text: string, where: string): Recording {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const [head, ...calls] = lines.map((line, index): Record<string, unknown> => {
    try {
      return JSON.parse(line) as Record<string, unknown>
    } catch (cause) {
      throw new TypeError(`${where}:${index + 1}: not a line of a recording`, { cause })
    }
  })
  if (head?.['hmm'] !== 'recording') throw new TypeError(`${where}: not a recording of hmm record`)
  if (head['version'] !== 1) {
    throw new TypeError(`${where}: version ${String(head['version'])}, this reads 1`)
  }
  return { ...head, calls } as unknown as Recording
}
