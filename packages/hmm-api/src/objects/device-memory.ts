import type { VirtualRange } from '../address/virtual-range.js'
import { shown } from '../error/shown.js'
import {
  MIGRATE_OUTCOMES,
  type DeviceMemoryKind,
  type MigrateOutcome,
  type RawDeviceMemory,
} from '../raw/raw-device-memory.js'
import { checkInside, checkInteger } from './check.js'
import { checkFlow, rawWait, type Caused, type Wait } from './context.js'
import type { Device } from './device.js'
import type { Mirror } from './mirror.js'
import { RAW } from './raw-of.js'

/** The plan of a migration. */
export interface MigrateOptions extends Wait, Caused {
  readonly to: 'device' | 'system'
  /** Page indexes of the range that stay where they are. */
  readonly decline?: readonly number[]
  /**
   * log2 of the pages of the largest block that moves whole; 0 splits huge pages and moves their
   * pages one by one. Unless set, huge pages move whole where the backend can: limit `order` of the
   * capability `memory` says which. `MIGRATE_VMA_SELECT_COMPOUND`
   */
  readonly order?: number
}

/** More than any block has. */
const ANY_ORDER = 30

/** What a migration did, page by page; indexes count from 0 in `range`. */
export class MigrateResult {
  readonly range: VirtualRange
  readonly #outcomes: Uint8Array

  /** @internal */
  constructor(range: VirtualRange, outcomes: Uint8Array) {
    this.range = range
    this.#outcomes = outcomes
  }

  /** Pages that are there now because of this call, moved or made new for holes. */
  get migrated(): number {
    return this.count('migrated') + this.count('populated')
  }

  /** What became of page `index`, and why it did not move if it did not. */
  outcome(index: number): MigrateOutcome {
    const outcome = MIGRATE_OUTCOMES[this.#outcomes[index] ?? -1]
    if (outcome === undefined)
      throw new RangeError(`page index ${shown(index)} is outside the migration`)
    return outcome
  }

  /** Number of pages with that outcome. */
  count(outcome: MigrateOutcome): number {
    const wanted = MIGRATE_OUTCOMES.indexOf(outcome)
    return this.#outcomes.reduce((count, each) => count + (each === wanted ? 1 : 0), 0)
  }
}

/**
 * The device's own memory: pages of a process move there by `migrate`. What the CPU can do with them
 * there is up to its `kind`. Device-private: nothing, they come back when it touches them.
 * Device-coherent: it reads and writes them where they are, and they come back when they are told to, or
 * when somebody pins them for long.
 *
 * All methods fail with EOPNOTSUPP on a device without memory, EBADF after close.
 */
export class DeviceMemory {
  readonly #device: Device

  /** @internal */
  constructor(device: Device) {
    this.#device = device
  }

  /** Whether the CPU reaches it; undefined without memory. */
  get kind(): DeviceMemoryKind | undefined {
    return this.#device[RAW].memory?.kind
  }

  /** Size in pages; 0 without memory. */
  get pages(): number {
    return this.#device[RAW].memory?.pages ?? 0
  }

  /** Pages that are free now. */
  get freePages(): number {
    return this.#device[RAW].memory?.freePages() ?? 0
  }

  /**
   * Moves the pages of `range` (inside `mirror`) in one call, best effort: a page that cannot move
   * stays, and its outcome says why. DMA mappings of the whole range are revoked, those of
   * pages that stay too (an invalidation with `self: true`, as the kernel raises for the range it
   * collects): map the range again. Holes of anonymous memory become
   * zeroed pages of the device. A huge page inside the range moves whole, if none of its pages is
   * declined and the other side has a huge page free; else it is split, and its pages move one by
   * one. `migrate_vma_setup`, `_pages`, `_finalize`
   *
   * Errors: EINVAL (a hole in the range, or memory that can never migrate), ESRCH, EINTR.
   */
  migrate(mirror: Mirror, range: VirtualRange, options: MigrateOptions): Promise<MigrateResult> {
    const op = 'memory.migrate'
    return this.#wait(op, range, async (memory) => {
      if (typeof mirror?.checkUsable !== 'function') {
        throw new TypeError(`mirror is not a Mirror but ${shown(mirror)}`)
      }
      if (mirror.device !== this.#device)
        throw new TypeError('the mirror belongs to another device')
      mirror.checkUsable(op)
      checkInside(range, mirror.range, 'the mirror')
      if (options?.to !== 'device' && options?.to !== 'system') {
        throw new TypeError(`options.to is 'device' or 'system', not ${shown(options?.to)}`)
      }
      const declined = options.decline ?? []
      if (!Array.isArray(declined)) {
        throw new TypeError(`decline is an array of page indexes, not ${shown(declined)}`)
      }
      for (const index of declined) checkInteger('decline', index, 0, range.pages - 1)
      const order = options.order ?? ANY_ORDER
      checkInteger('order', order, 0, ANY_ORDER)
      const first = mirror.range.indexOf(range)
      const { outcomes } = await memory.migrate(
        mirror[RAW],
        { first, pages: range.pages, to: options.to, declined, order },
        { ...rawWait(options), flow: checkFlow(options.flow) },
      )
      return new MigrateResult(range, outcomes)
    })
  }

  /**
   * How many pages a CPU fault brings back: the touched one, and its neighbours in the aligned
   * block of `pages` (a power of two up to 512). 1 until set. TypeError otherwise; EOPNOTSUPP for
   * device-coherent memory, where there is no such fault.
   */
  setCpuFaultPages(pages: number): void {
    const op = 'memory.setCpuFaultPages'
    this.#device.checkOpen(op)
    checkInteger('pages', pages, 1, 512)
    if (!Number.isInteger(Math.log2(pages))) throw new TypeError(`${pages} is not a power of two`)
    this.#device.context.call(op, undefined, () => this.#private().setCpuFaultPages(pages))
  }

  /**
   * Calls `listener` after CPU faults brought pages back, with their number; one at a time.
   * EOPNOTSUPP for device-coherent memory.
   */
  onCpuFault(listener: ((pages: number) => void) | undefined): void {
    this.#device.checkOpen('memory.onCpuFault')
    this.#device.context.call('memory.onCpuFault', undefined, () =>
      this.#private().onCpuFault(listener),
    )
  }

  /** Brings every page back to the system, of whatever process; how many moved. */
  evict(wait?: Wait): Promise<number> {
    return this.#wait('memory.evict', undefined, async (memory) => memory.evict(rawWait(wait)))
  }

  #memory(): RawDeviceMemory {
    this.#device.capabilities.require('memory')
    return this.#device[RAW].memory as RawDeviceMemory
  }

  #private(): RawDeviceMemory {
    const memory = this.#memory()
    this.#device.capabilities.require('memory.private')
    return memory
  }

  #wait<T>(
    op: string,
    range: VirtualRange | undefined,
    run: (memory: RawDeviceMemory) => Promise<T>,
  ): Promise<T> {
    return this.#device.context.wait(op, range, async () => {
      this.#device.checkOpen(op)
      return run(this.#memory())
    })
  }
}
