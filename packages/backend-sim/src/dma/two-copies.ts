import type { Explorer } from '../sim/scheduler.js'
import { ByteRanges } from './byte-ranges.js'

/**
 * Memory of which CPU and device have a copy each: bounced, or in the cache of the CPU. Knows which
 * bytes are newer in one of them, and finds updates that are lost because the other is copied over
 * them. Only while schedules are explored.
 */
export class TwoCopies {
  readonly #explorer: Explorer
  readonly #cpu = new ByteRanges()
  readonly #device = new ByteRanges()

  private constructor(explorer: Explorer) {
    this.#explorer = explorer
  }

  /** Undefined if nobody looks for lost updates. */
  static watch(explorer: Explorer | undefined): TwoCopies | undefined {
    return explorer?.updates === undefined ? undefined : new TwoCopies(explorer)
  }

  cpuWrote(start: number, end: number): void {
    this.#cpu.add(start, end)
    this.#device.remove(start, end)
  }

  deviceWrote(start: number, end: number): void {
    this.#device.add(start, end)
    this.#cpu.remove(start, end)
  }

  /** What the device has is copied over what the CPU has. */
  toCpu(start: number, end: number): void {
    if (this.#cpu.overlaps(start, end)) {
      this.#lost('the CPU', 'Sync to the device what the CPU writes while it is mapped.')
    }
    this.parted(start, end)
  }

  /** What the CPU has is copied over what the device has. */
  toDevice(start: number, end: number): void {
    if (this.#device.overlaps(start, end)) {
      this.#lost('the device', 'Sync to the CPU before the CPU writes there.')
    }
    this.parted(start, end)
  }

  /** The copies are equal, or there is only one of them any more. */
  parted(start: number, end: number): void {
    this.#cpu.remove(start, end)
    this.#device.remove(start, end)
  }

  #lost(who: string, hint: string): void {
    this.#explorer.report(
      'lost-update',
      `what ${who} wrote to a mapped buffer is gone: the other copy was copied over it\n  ${hint}`,
    )
  }
}
