import type { VirtualRange } from '../../address/virtual-range.js'
import type { Wait } from '../../objects/context.js'
import type { Device } from '../../objects/device.js'
import { MigrateResult, type MigrateOptions } from '../../objects/device-memory.js'
import type { FaultedPages } from '../../objects/faulted-pages.js'
import type { FaultOptions, PageRequest } from '../../objects/interval-notifier.js'
import type { AddressSpace } from '../../objects/address-space.js'
import type { InvalidateEvent } from '../../objects/invalidate-event.js'
import type { Mirror } from '../../objects/mirror.js'
import { MIGRATE_OUTCOMES } from '../../raw/raw-device-memory.js'
import type { Completion } from '../../sync/completion.js'
import { ConformanceFailure } from './failure.js'
import { describeEvents } from './describe-events.js'
import { DevicePages } from './device-pages.js'
import { pageStates, type PageState } from './page-state.js'

/** What a case adds to a watched range. */
export interface WatchOptions {
  readonly space?: AddressSpace
  readonly device?: Device
  /** Called for each event, after it was recorded. */
  readonly invalidate?: (event: InvalidateEvent) => void | (() => void)
}

/**
 * So many commits in a row are refused only by a backend that makes no progress. Its loop would not
 * let even a timer run, so it is bounded by its rounds.
 */
const MAX_ROUNDS = 1000

/** A mirror that records what it is told, with the loops of a small driver. */
export class Watch {
  readonly mirror: Mirror
  /** Every event so far; backends may deliver shortly after, so cases ask `seen()`. */
  readonly events: InvalidateEvent[]
  readonly #released: Completion
  readonly #releases: { count: number }

  private constructor(
    mirror: Mirror,
    events: InvalidateEvent[],
    released: Completion,
    releases: { count: number },
  ) {
    this.mirror = mirror
    this.events = events
    this.#released = released
    this.#releases = releases
  }

  static async open(
    device: Device,
    space: AddressSpace,
    range: VirtualRange,
    invalidate?: WatchOptions['invalidate'],
  ): Promise<Watch> {
    const events: InvalidateEvent[] = []
    const released = device.sync.completion('released')
    const releases = { count: 0 }
    const mirror = await device.mirror(space, range, {
      invalidate: (event) => {
        events.push(event)
        return invalidate?.(event)
      },
      released: () => {
        releases.count += 1
        released.complete()
      },
    })
    return new Watch(mirror, events, released, releases)
  }

  get range(): VirtualRange {
    return this.mirror.range
  }

  /** How often `released` was called. */
  get releases(): number {
    return this.#releases.count
  }

  /** Waits until the process is gone. */
  whenReleased(): Promise<void> {
    return this.#released.wait()
  }

  /**
   * Waits until every event that was raised before is delivered. A snapshot does: events come at
   * the latest before any later fault on the range succeeds.
   */
  async settled(): Promise<void> {
    if (!this.mirror.isReleased) await this.snapshot()
  }

  /** The events so far as sets of pages by kind, such as `['unmap 1-2']`. */
  async seen(): Promise<string[]> {
    await this.settled()
    return describeEvents(this.events, this.range)
  }

  /** Forgets the events so far. */
  async forget(): Promise<void> {
    await this.settled()
    this.events.length = 0
  }

  /** What is there, without faulting. */
  snapshot(range: VirtualRange = this.range): Promise<PageState[]> {
    return this.fault({ request: 'none' }, range)
  }

  /** Faults pages in, and says what is there then. */
  fault(options: FaultOptions | PageRequest, range: VirtualRange = this.range) {
    const given = typeof options === 'string' ? { request: options } : options
    return this.commit(pageStates, given, range)
  }

  /** Faults until a commit holds, and returns what `run` made of the pages in it. */
  async commit<R>(
    run: (pages: FaultedPages) => R,
    options: FaultOptions = {},
    range: VirtualRange = this.range,
  ): Promise<R> {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const pages = await this.mirror.fault(range, options)
      const results: R[] = []
      if (this.mirror.commit(pages, (valid) => void results.push(run(valid))))
        return results[0] as R
    }
    throw new ConformanceFailure(`no commit held in ${MAX_ROUNDS} faults of ${range.toString()}`)
  }

  /**
   * Moves pages, and says what became of them. A page that the kernel holds for a moment (while a processor
   * empties its list of new pages) is busy, and moves at another attempt.
   */
  async migrate(options: MigrateOptions, range: VirtualRange = this.range): Promise<MigrateResult> {
    const { memory } = this.mirror.device
    const attempt = () => memory.migrate(this.mirror, range, options)
    let result = await attempt()
    for (let round = 0; result.count('busy') > 0; round++) {
      if (round === MAX_ROUNDS)
        throw new ConformanceFailure(`pages of ${range.toString()} stay busy`)
      const again = await attempt()
      result = new MigrateResult(
        range,
        Uint8Array.from({ length: range.pages }, (_, index) => {
          const before = result.outcome(index)
          return MIGRATE_OUTCOMES.indexOf(before === 'busy' ? again.outcome(index) : before)
        }),
      )
    }
    return result
  }

  /** Maps pages and keeps their translations. */
  map(
    access: 'read' | 'write',
    range: VirtualRange = this.range,
    options: Wait & { readonly presentOnly?: boolean } = {},
  ): Promise<DevicePages> {
    return this.mirror.map<DevicePages>(
      range,
      { access, ...options },
      (mapping) => new DevicePages(this.mirror.device, mapping),
    )
  }

  /** Takes pages exclusively and keeps their translations. */
  exclusive(range: VirtualRange = this.range, options: Wait = {}): Promise<DevicePages> {
    return this.mirror.exclusive<DevicePages>(
      range,
      options,
      (mapping) => new DevicePages(this.mirror.device, mapping),
    )
  }
}
