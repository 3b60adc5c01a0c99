/** Where the command writes, and where its paths begin. */
export interface Surroundings {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
  /** Shows a line in place of the last one, none for ''; undefined where nobody looks, as in a pipe. */
  readonly progress?: (line: string) => void
  readonly folder: string
  /** The module of worker threads. */
  readonly worker: URL
}
