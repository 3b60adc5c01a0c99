/** Everything in the simulation that can be made to fail, by name. */
export const FAILURE_POINTS = [
  /** A page of system memory. */
  'frame',
  /** A page of device memory. */
  'device-page',
  /** Address space of the IOMMU. */
  'iova',
  /** The link of one page for DMA. */
  'link',
  /** A page fault done for a device. */
  'fault',
  /** The collection of one entry of a migration. */
  'migrate-entry',
  /** The copy of one page of a migration. */
  'copy',
  /** The insertion of a notifier. */
  'notifier',
  /** The start of a process, and its fork. */
  'process-start',
  /** An access to memory of a process from outside, by which tests and CPU sides act. */
  'process-io',
  /** A change of mappings: the memory for their descriptions. */
  'mapping',
  /** A page table of a process. */
  'page-table',
  /** The opening of a device. */
  'device-open',
  /** A transfer of a device. */
  'transfer',
  /** A page that a device takes for itself alone. */
  'exclusive',
  /** A place in the bounce buffers. */
  'bounce',
] as const
export type FailurePoint = (typeof FAILURE_POINTS)[number]

/** The same points as indexes into {@link FAILURE_POINTS}, for the places that are passed often. */
export const POINT_FRAME = 0
export const POINT_DEVICE_PAGE = 1
export const POINT_IOVA = 2
export const POINT_LINK = 3
export const POINT_FAULT = 4
export const POINT_MIGRATE_ENTRY = 5
export const POINT_COPY = 6
export const POINT_NOTIFIER = 7
export const POINT_PROCESS_START = 8
export const POINT_PROCESS_IO = 9
export const POINT_MAPPING = 10
export const POINT_PAGE_TABLE = 11
export const POINT_DEVICE_OPEN = 12
export const POINT_TRANSFER = 13
export const POINT_EXCLUSIVE = 14
export const POINT_BOUNCE = 15

const NEVER: readonly number[] = FAILURE_POINTS.map(() => 0)

/** A failure that was asked for and has happened. */
export interface FiredFailure {
  readonly point: FailurePoint
  /** Which pass of the point it was, 1 for the first since the simulation began. */
  readonly nth: number
  /** How often each point had been passed then, this pass included. */
  readonly reached: Record<FailurePoint, number>
}

/** Counts how often each point was reached, and says when it is to fail. */
export class FailurePoints {
  // No typed array: of this length they cost more than all the rest, and simulations are made by the
  // thousand.
  private readonly counts: number[] = [...NEVER]
  /** Whether any point is to fail. */
  private armed = false
  /** Counts at which a point fails, sorted; of nearly all points nearly always none. */
  readonly #failing = new Map<number, number[]>()
  readonly #fired: FiredFailure[] = []

  /** What failed so far because it was asked for, in order. */
  get fired(): readonly FiredFailure[] {
    return this.#fired
  }

  /** Passes the point (a `POINT_*`) once; true if it fails this time. */
  fails(point: number): boolean {
    this.counts[point]!++
    return this.armed && this.take(point)
  }

  /** Passes the point `times` times; the number of the first that fails (from 0), or -1. */
  firstFailure(point: number, times: number): number {
    if (this.armed) return this.passOneByOne(point, times)
    this.counts[point]! += times
    return -1
  }

  /** Makes the `n`-th pass from now fail, 1 for the next. */
  failNth(point: FailurePoint, n: number): void {
    if (!Number.isSafeInteger(n) || n < 1) throw new TypeError(`failNth: ${n} is not 1 or more`)
    const index = FAILURE_POINTS.indexOf(point)
    if (index < 0) throw new TypeError(`failNth: there is no point '${String(point)}'`)
    const failing = this.#failing.get(index) ?? []
    this.#failing.set(index, failing)
    failing.push(this.counts[index]! + n)
    failing.sort((a, b) => a - b)
    this.armed = true
  }

  /** How often each point was passed. */
  reached(): Record<FailurePoint, number> {
    return Object.fromEntries(
      FAILURE_POINTS.map((name, index) => [name, this.counts[index]!]),
    ) as Record<FailurePoint, number>
  }

  reset(): void {
    this.counts.fill(0)
    this.#failing.clear()
    this.armed = false
    this.#fired.length = 0
  }

  private passOneByOne(point: number, times: number): number {
    for (let i = 0; i < times; i++) if (this.fails(point)) return i
    return -1
  }

  private take(index: number): boolean {
    const count = this.counts[index]!
    const failing = this.#failing.get(index)
    if (failing === undefined || failing[0] !== count) return false
    failing.shift()
    if (failing.length === 0) this.#failing.delete(index)
    this.armed = this.#failing.size > 0
    this.#fired.push({ point: FAILURE_POINTS[index]!, nth: count, reached: this.reached() })
    return true
  }
}
