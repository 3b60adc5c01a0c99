import { VirtualRange } from '../address/virtual-range.js'
import { Capabilities } from '../capability.js'
import { shown } from '../error/shown.js'
import type { RawDevice } from '../raw/raw-device.js'
import type { Clock } from '../sync/clock.js'
import { bounded } from '../sync/bounded.js'
import { Sync } from '../sync/sync.js'
import type { AddressSpace } from './address-space.js'
import type { Backend } from './backend.js'
import { checkSignal, type Wait } from './context.js'
import { checkInteger, checkOptions, checkRange } from './check.js'
import { DeviceFaults, type DeviceFault } from './device-faults.js'
import { DeviceMemory } from './device-memory.js'
import { Dma } from './dma.js'
import { DmaEngine } from './dma-engine.js'
import { Interrupts } from './interrupts.js'
import { InvalidateRelay, type InvalidateCallback } from './invalidate-event.js'
import { IntervalNotifier } from './interval-notifier.js'
import { LiveLists } from './live-lists.js'
import { Mirror } from './mirror.js'
import { madeOf, Owned } from './owned.js'
import { PeerMemory } from './peer-memory.js'
import { RAW } from './raw-of.js'
import { Registers } from './registers.js'

/** What a driver gives when it watches a range. */
export interface MirrorOptions<T> extends Wait {
  /**
   * The pages of `event.range` are gone: their DMA mappings are revoked already, now the driver
   * drops its own translations. Synchronous; may neither map nor wait (EDEADLK). The returned
   * function is the second pass (`invalidate_finish`), for flushes of several devices at once.
   */
  readonly invalidate: InvalidateCallback<T>
  /** The process is gone; called once. Every later map or fault fails with ESRCH. */
  readonly released?: (mirror: T) => void
  /** Name in reports. */
  readonly name?: string
}

/** What is to be undone before a device is closed. */
const DMA_KINDS: ReadonlySet<string> = new Set([
  'dma-mapping',
  'dma-list',
  'dma-pool',
  'iova-window',
  'coherent-buffer',
])

/**
 * An opened device: everything a driver does, it does through this.
 *
 * What a device does not have is a capability with its reason (`device.capabilities`); using it
 * all the same fails with EOPNOTSUPP.
 */
export class Device extends Owned {
  readonly [RAW]: RawDevice
  readonly capabilities: Capabilities
  /** The one DMA API. */
  readonly dma: Dma
  /** Device-private memory and migration. */
  readonly memory: DeviceMemory
  readonly registers: Registers
  readonly interrupts: Interrupts
  /** Moves bytes as the device does: by DMA address. */
  readonly engine: DmaEngine
  readonly clock: Clock
  readonly sync: Sync
  /** @internal Lists of peers that show its memory. */
  readonly peerLists = new LiveLists()
  readonly #backend: Backend
  readonly #faults: DeviceFaults

  /** @internal */
  constructor(backend: Backend, raw: RawDevice, name: string) {
    super(backend.context, backend, 'device', name)
    this.#backend = backend
    this[RAW] = raw
    this.capabilities = new Capabilities(`device '${name}'`, raw.capabilities)
    this.dma = new Dma(this)
    this.memory = new DeviceMemory(this)
    this.registers = new Registers(this)
    this.interrupts = new Interrupts(this)
    this.engine = new DmaEngine(this)
    this.clock = backend.clock
    this.sync = new Sync(this.context)
    this.#faults = new DeviceFaults(this)
  }

  /** Device faults that reached the driver since it was opened. */
  get faultCount(): number {
    return this.#faults.count
  }

  /**
   * Mirrors `range` of a process: watches it, and maps it for this device on demand.
   *
   * Errors: ESRCH (process gone), EOPNOTSUPP (capability `mirror`), ENOMEM, EOVERFLOW (longer than
   * the limit `pages`), EBADF.
   */
  mirror(
    space: AddressSpace,
    range: VirtualRange,
    options: MirrorOptions<Mirror>,
  ): Promise<Mirror> {
    return this.#watch('device.mirror', space, range, options, Mirror)
  }

  /**
   * The expert level of {@link mirror}: only the interval notifier, with the sequence protocol and
   * range faults (`mmu_interval_notifier_insert`). Same errors.
   */
  notifier(
    space: AddressSpace,
    range: VirtualRange,
    options: MirrorOptions<IntervalNotifier>,
  ): Promise<IntervalNotifier> {
    return this.#watch('device.notifier', space, range, options, IntervalNotifier)
  }

  /**
   * Faults that the device reported, in batches, in the order it reported them. Ends when the
   * device is closed or `signal` aborts. EIO when the device model stopped after an error of its own. Every fault is resolved or failed by the driver; what it
   * leaves is failed at close. EOPNOTSUPP without the capability `faults`. One consumer at a time.
   */
  faults(wait: Pick<Wait, 'signal'> = {}): AsyncIterable<readonly DeviceFault[]> {
    const { signal } = wait
    return this.#faults.batches(signal === undefined ? undefined : checkSignal(signal))
  }

  /** Memory of this device, in BAR `bar`, that other devices may map. Capability `dma.peer`. */
  peerMemory(bar: number): PeerMemory {
    return new PeerMemory(this, checkInteger('bar', bar, 0, 5))
  }

  protected async doClose(): Promise<void> {
    this.addLeaks(await this.peerLists.close())
    this.#faults.close()
    this.#backend.forget(this)
    for (const leak of this.leaks) {
      if (!DMA_KINDS.has(leak.kind)) continue
      this[RAW].dma.misuse?.('live-at-close', `${leak.kind} '${leak.name}'`, madeOf(leak))
    }
    this.addLeaks(await this[RAW].close())
  }

  #watch<T extends IntervalNotifier>(
    op: string,
    space: AddressSpace,
    range: VirtualRange,
    options: MirrorOptions<T>,
    Kind: new (
      device: Device,
      space: AddressSpace,
      range: VirtualRange,
      relay: InvalidateRelay<never>,
      name: string,
    ) => T,
  ): Promise<T> {
    const watched = VirtualRange.is(range) ? range : undefined
    const watch = async (): Promise<T> => {
      this.checkOpen(op)
      if (typeof options?.invalidate !== 'function') {
        throw new TypeError(`${op} needs options.invalidate: the backend tells it what it revoked`)
      }
      checkOptions(op, options, ['invalidate', 'released', 'name'])
      if (typeof space?.checkAlive !== 'function') {
        throw new TypeError(`space is not an AddressSpace but ${shown(space)}`)
      }
      space.checkAlive(op)
      checkRange(range, space[RAW].pageShift)
      this.capabilities.require('mirror')
      const relay = new InvalidateRelay<T>(this.context, range, options)
      const raw = await this[RAW].createMirror(space[RAW], range.startPage, range.pages, relay)
      const notifier = new Kind(
        this,
        space,
        range,
        relay as unknown as InvalidateRelay<never>,
        options.name ?? range.toString(),
      )
      relay.attach(notifier, raw)
      return notifier
    }
    return bounded(this.context, op, watched, options, watch, (late) => late.close())
  }
}
