/** One step of a recorded schedule: what a strand did between two points. */
export interface Row {
  /** Number of the step, from 1. */
  readonly step: number
  /** The strand, which is the column of the table. */
  readonly strand: string
  /** The point at which the step began. */
  readonly point: string
  /** Whether the step came by a switch of the schedule. */
  readonly switched: boolean
  /** Whether it is one of the two steps that race. */
  readonly racing: boolean
  /** Where in the scenario or driver the call was made, `file:line`; undefined if not known. */
  readonly source: string | undefined
}
