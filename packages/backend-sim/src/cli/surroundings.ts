/** Where the command writes, and where its paths begin. */
export interface Surroundings {
  readonly out: (text: string) => void
  readonly error: (text: string) => void
  readonly folder: string
  /** The module of worker threads. */
  readonly worker: URL
}
