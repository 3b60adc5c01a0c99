import type { InvalidateKind } from '@hmm-sdk/hmm-api'
import type { RawInvalidate } from '@hmm-sdk/hmm-api/raw'
import { check } from './call-error.js'
import type { Call, Descriptor } from './descriptor.js'
import type { NativeMemory, Watch } from './native.js'
import { StructView } from './struct-view.js'
import * as uapi from './uapi.js'

/** By HMM_SDK_KIND_* - 1. */
const KINDS: readonly InvalidateKind[] = [
  'unmap',
  'clear',
  'protection-vma',
  'protection-page',
  'soft-dirty',
  'release',
  'migrate',
  'exclusive',
]

const PAGE = 4096
/** Words of the shared page. */
const NEWEST = uapi.SHARED_EVENT_SEQ / 4
const UNREAD = uapi.SHARED_UNREAD / 4

/** Whom the events of one mirror go to. Nothing of it throws. */
export interface MirrorSink {
  invalidate(event: RawInvalidate, revoked: number): void | (() => void)
  released(): void
}

/** A device access that found no translation. */
export interface DeviceFaultEvent {
  readonly address: bigint
  readonly access: 'read' | 'write' | 'atomic'
  readonly source: 'not-mapped' | 'revoked' | 'permission' | 'poison'
}

const ACCESSES = ['read', 'write', 'atomic'] as const
const SOURCES = ['not-mapped', 'revoked', 'permission', 'poison'] as const

/** Name of a SOURCE_* constant. */
export function sourceName(source: number): DeviceFaultEvent['source'] | undefined {
  return SOURCES[source]
}

/** Events of a device that do not belong to a mirror. */
export interface DeviceSink {
  interrupt(vector: number): void
  cpuFault(pages: number): void
  deviceFault(event: DeviceFaultEvent): void
}

interface MirrorEvent {
  readonly type: number
  readonly mirror: number
  readonly revoked: number
  readonly invalidate: RawInvalidate
}

/**
 * The events of one device, from the module to the callbacks, in order and once.
 *
 * The module has revoked DMA before it queues an event. `drain` dispatches what is queued, on the
 * main thread: when the device polls readable, and before any later fault, map or commit on the
 * device succeeds (the module refuses those with ESTALE when an event that concerns them is not
 * dispatched yet). The shared page says without a system call whether there is anything.
 */
export class EventQueue {
  readonly #descriptor: Descriptor
  readonly #sink: DeviceSink
  readonly #shared: NativeMemory
  readonly #words: Uint32Array
  readonly #watch: Watch
  readonly #call: Call<typeof uapi.ReadEvents>
  readonly #max: number
  readonly #mirrors = new Map<number, MirrorSink>()
  /** Events of mirrors whose creation is not known here yet. */
  readonly #early = new Map<number, MirrorEvent[]>()
  #creating = 0
  #seen = 0
  #draining = false
  #closed = false

  constructor(descriptor: Descriptor, maxEvents: number, sink: DeviceSink) {
    this.#descriptor = descriptor
    this.#sink = sink
    this.#max = Math.min(maxEvents, 256)
    this.#shared = descriptor.native.map(descriptor.fd, 0, PAGE, false)
    this.#words = new Uint32Array(this.#shared.buffer)
    this.#call = descriptor.call(uapi.ReadEvents, this.#max * uapi.Event.size)
    this.#watch = descriptor.native.watch(descriptor.fd, () => {
      this.drain()
      this.#watch.rearm()
    })
  }

  /** Sequence of the last event that was dispatched: `seen` of the calls. */
  get seen(): number {
    return this.#seen
  }

  /** Whether a mirror's sequence in the shared page differs from `sequence`. No system call. */
  sequenceMoved(slot: number, sequence: number): boolean {
    const at = uapi.SHARED_MIRRORS / 4 + 2 * slot
    const low = Atomics.load(this.#words, at)
    const high = Atomics.load(this.#words, at + 1)
    return low !== sequence >>> 0 || high !== Math.floor(sequence / 2 ** 32)
  }

  /**
   * Whether no event of the device was queued after the one with that sequence, of which it takes the
   * two words: arithmetic beyond 32 bits costs more than the comparison. No system call.
   */
  isNewest(low: number, high: number): boolean {
    // Plain reads, as in `drain`: a call of Atomics costs as much as the rest of a map here, and who
    // waited for the process, or came out of an ioctl, sees what was written before that.
    return this.#words[NEWEST] === low && this.#words[NEWEST + 1] === high
  }

  /** Before MIRROR_CREATE: its events may come before its number is known. */
  beginCreate(): void {
    this.#creating += 1
  }

  /** After it: `sink` gets the events of mirror `id` from now on, those that came early first. */
  endCreate(id: number | undefined, sink: MirrorSink): void {
    this.#creating -= 1
    if (id !== undefined) {
      this.#mirrors.set(id, sink)
      const early = this.#early.get(id) ?? []
      this.#early.delete(id)
      this.#dispatch(early)
    }
    if (this.#creating === 0) this.#early.clear()
  }

  /** No event of mirror `id` is dispatched any more. */
  forget(id: number): void {
    this.#mirrors.delete(id)
  }

  /**
   * Dispatches everything that is queued. Nothing of it throws. Called from inside a callback it
   * does nothing: the outer one goes on.
   */
  drain(): void {
    if (this.#words[UNREAD] !== 0) this.#drainAll()
  }

  #drainAll(): void {
    if (this.#draining || this.#closed) return
    this.#draining = true
    try {
      let more = true
      while (more && !this.#closed) more = this.#readBatch()
    } finally {
      this.#draining = false
    }
  }

  /** Before the descriptor is closed. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#watch.close()
    this.#mirrors.clear()
    this.#descriptor.end(this.#call)
    this.#descriptor.native.release(this.#shared)
  }

  #readBatch(): boolean {
    const call = this.#call
    call.fill({ max: this.#max, count: 0, seen: this.#seen, eventSeq: 0, more: 0 }).point('events')
    check(this.#descriptor.run(uapi.IOC_READ_EVENTS, call), {
      message: 'the events of the device cannot be read',
    })
    const events: MirrorEvent[] = []
    const count = call.get('count')
    const more = call.get('more') !== 0
    const others: (() => void)[] = []
    for (let index = 0; index < count; index++) this.#take(index, events, others)
    this.#dispatch(events)
    for (const other of others) other()
    return more
  }

  #take(index: number, events: MirrorEvent[], others: (() => void)[]): void {
    const { payload } = this.#call
    const view = new DataView(
      payload.buffer,
      payload.byteOffset + index * uapi.Event.size,
      uapi.Event.size,
    )
    const event = new StructView(uapi.Event, view)
    const sequence = event.get('sequence')
    if (sequence !== 0) this.#seen = sequence
    const type = event.get('type')
    const kind = event.get('kind')
    const flags = event.get('flags')
    const count = event.get('count')
    switch (type) {
      case uapi.EVENT_INVALIDATE:
      case uapi.EVENT_RELEASED:
        events.push({
          type,
          mirror: event.get('mirror'),
          revoked: count,
          invalidate: {
            kind: KINDS[kind - 1] ?? 'unmap',
            first: event.get('first'),
            pages: event.get('pages'),
            self: (flags & uapi.EVENT_SELF) !== 0,
            blockable: (flags & uapi.EVENT_NONBLOCKABLE) === 0,
            coalesced: (flags & uapi.EVENT_COALESCED) !== 0,
          },
        })
        break
      case uapi.EVENT_INTERRUPT:
        others.push(() => this.#sink.interrupt(kind))
        break
      case uapi.EVENT_CPU_FAULT:
        others.push(() => this.#sink.cpuFault(count))
        break
      case uapi.EVENT_DEVICE_FAULT: {
        const fault: DeviceFaultEvent = {
          address: event.getBig('address'),
          access: ACCESSES[kind] ?? 'read',
          source: SOURCES[flags] ?? 'not-mapped',
        }
        others.push(() => this.#sink.deviceFault(fault))
        break
      }
      default:
        break
    }
  }

  /**
   * First pass of every mirror, then the second passes. One invalidation reaches several mirrors as
   * neighbouring events; a mirror's next event closes the group, so that its own passes alternate.
   */
  #dispatch(events: readonly MirrorEvent[]): void {
    const inGroup = new Set<number>()
    let second: (() => void)[] = []
    const closeGroup = (): void => {
      for (const pass of second) pass()
      second = []
      inGroup.clear()
    }
    for (const event of events) {
      const sink = this.#mirrors.get(event.mirror)
      if (sink === undefined) {
        this.#keepEarly(event)
        continue
      }
      if (inGroup.has(event.mirror) || event.type === uapi.EVENT_RELEASED) closeGroup()
      inGroup.add(event.mirror)
      if (event.type === uapi.EVENT_RELEASED) sink.released()
      else {
        const pass = sink.invalidate(event.invalidate, event.revoked)
        if (pass !== undefined) second.push(pass)
      }
    }
    closeGroup()
  }

  #keepEarly(event: MirrorEvent): void {
    if (this.#creating === 0) return
    const list = this.#early.get(event.mirror) ?? []
    list.push(event)
    this.#early.set(event.mirror, list)
  }
}
