import type { Descriptor, FixedCall } from './descriptor.js'
import type { EventQueue } from './events.js'
import { MapAttempt } from './map-attempt.js'
import type { KernelMirror } from './mirror.js'
import { wordOf } from './struct-view.js'
import * as uapi from './uapi.js'

/** Longest range that is tried; longer ones have a price besides which a thread does not matter. */
const MOST_PAGES = 512

const TWO_32 = 2 ** 32

const MIRROR = wordOf(uapi.Map, 'mirror')
const FLAGS = wordOf(uapi.Map, 'flags')
const FIRST = wordOf(uapi.Map, 'first')
const PAGES = wordOf(uapi.Map, 'pages')
const SEEN = wordOf(uapi.Map, 'seen')
const EVENT_SEQ = wordOf(uapi.Map, 'eventSeq')
const SERIAL = wordOf(uapi.Map, 'serial')
const CHANGED = wordOf(uapi.Map, 'changed')
const PAD = wordOf(uapi.Map, 'pad')

/**
 * MAP where nothing has to be waited for: every page is present, or mapped already. One ioctl on the
 * main thread, and nothing made for it but the attempt: its argument and the memory of the entries
 * are those of the attempt before, which is over when its commit is.
 */
export class FastMap {
  readonly #descriptor: Descriptor
  readonly #events: EventQueue
  /** Arguments whose attempt is over. */
  #spare: FixedCall | undefined = undefined

  constructor(descriptor: Descriptor, events: EventQueue) {
    this.#descriptor = descriptor
    this.#events = events
  }

  /** The attempt; undefined where it has to wait, or fails: MAP without NOWAIT says why. */
  try(
    mirror: KernelMirror,
    first: number,
    pages: number,
    flags: number,
    flow: number,
  ): MapAttempt | undefined {
    if (pages > MOST_PAGES || !this.#descriptor.isOpen) return undefined
    const call = this.#spare ?? this.#make()
    this.#spare = call.next
    const { words } = call
    const { seen } = this.#events
    words[MIRROR] = mirror.number
    words[FLAGS] = flags | uapi.NOWAIT
    words[FIRST] = first
    words[PAGES] = pages
    words[SEEN] = seen
    words[SEEN + 1] = seen < TWO_32 ? 0 : seen / TWO_32
    words[PAD] = 0
    const result = call.run()
    this.#events.drain()
    if (result < 0) {
      this.takeBack(call)
      return undefined
    }
    return new MapAttempt(
      mirror,
      first,
      pages,
      words[EVENT_SEQ]!,
      words[EVENT_SEQ + 1]!,
      words[SERIAL]!,
      words[CHANGED]!,
      call.entries(pages),
      call,
      flow,
    )
  }

  /** The attempt that was made of it is over. */
  takeBack(call: FixedCall): void {
    call.next = this.#spare
    this.#spare = call
  }

  #make(): FixedCall {
    return this.#descriptor.fixed(uapi.IOC_MAP, uapi.Map, 'entries', 8 * MOST_PAGES)
  }
}
