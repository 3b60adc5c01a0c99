import { HmmError } from '@hmm-sdk/hmm-api'
import type {
  RawFaultRequest,
  RawInvalidate,
  RawMapAttempt,
  RawMirror,
  RawMirrorCallbacks,
  RawWait,
} from '@hmm-sdk/hmm-api/raw'
import { BoundedWait } from './bounded-wait.js'
import { callError, check, EAGAIN, EBADF, EBUSY, ESTALE } from './call-error.js'
import type { Call, Descriptor } from './descriptor.js'
import type { EventQueue, MirrorSink } from './events.js'
import type { FastMap } from './fast-map.js'
import type { FastUnmap } from './fast-unmap.js'
import { MapAttempt } from './map-attempt.js'
import type { Tracer } from './trace.js'
import * as uapi from './uapi.js'

/** Ranges up to here are first tried on the main thread, when everything is present already. */
const FAST_PAGES = 512

const TWO_32 = 2 ** 32

/** What MIRROR_CREATE gave. */
export interface MirrorIds {
  /** Number in the backend, for traces. */
  readonly id: number
  /** Number in the module. */
  readonly mirror: number
  /** Place in the shared page. */
  readonly slot: number
}

/** What a mirror is made of besides its numbers. */
export interface MirrorParts {
  readonly descriptor: Descriptor
  readonly events: EventQueue
  readonly fastMap: FastMap
  readonly fastUnmap: FastUnmap
  readonly tracer: Tracer
  readonly device: number
  readonly space: number
  /** Waits that progress of the process's userfaultfds restarts. */
  readonly waits: Set<BoundedWait>
  readonly startPage: number
  readonly maxFaultPages: number
  readonly exclusive: boolean
}

/** A mirror: an interval notifier of the module, with its DMA mappings. */
export class KernelMirror implements RawMirror, MirrorSink {
  readonly id: number
  readonly startPage: number
  readonly pages: number
  readonly parts: MirrorParts
  exclusive?: NonNullable<RawMirror['exclusive']>
  readonly #callbacks: RawMirrorCallbacks
  #ids: MirrorIds | undefined
  #closed = false
  #forget: () => void = () => undefined

  constructor(parts: MirrorParts, id: number, pages: number, callbacks: RawMirrorCallbacks) {
    this.parts = parts
    this.id = id
    this.startPage = parts.startPage
    this.pages = pages
    this.#callbacks = callbacks
    if (parts.exclusive) {
      this.exclusive = (request, wait) =>
        this.#attempt(uapi.IOC_EXCLUSIVE, { ...request, flags: 0 }, wait)
    }
  }

  /** Numbers of the module, once it was created there. */
  attach(ids: MirrorIds, forget: () => void): void {
    this.#ids = ids
    this.#forget = forget
  }

  /** Number in the module. */
  get number(): number {
    return (this.#ids as MirrorIds).mirror
  }

  async readBegin(wait: RawWait): Promise<number> {
    const { descriptor, events } = this.parts
    const bounded = new BoundedWait(wait)
    const call = descriptor.call(uapi.ReadBegin)
    let ended = true
    try {
      call.fill({ mirror: this.number, flags: uapi.NOWAIT })
      let result = descriptor.run(uapi.IOC_READ_BEGIN, call)
      while (result === -EAGAIN || (result < 0 && bounded.mayRepeat(result))) {
        call.fill({ flags: 0 })
        const pending = descriptor.start(uapi.IOC_READ_BEGIN, call)
        ended = false
        result = await bounded.for(pending, () => descriptor.end(call))
        ended = true
      }
      events.drain()
      check(result)
      return call.get('sequence')
    } finally {
      if (ended) descriptor.end(call)
    }
  }

  readRetry(sequence: number): boolean {
    return this.parts.events.sequenceMoved((this.#ids as MirrorIds).slot, sequence)
  }

  async fault(request: RawFaultRequest, wait: RawWait): Promise<number> {
    const { descriptor, maxFaultPages, tracer } = this.parts
    if (request.pages > maxFaultPages) {
      throw new HmmError('EOVERFLOW', {
        message: `${request.pages} pages are more than one range fault takes (${maxFaultPages})`,
        hint: 'Fault slices of the range, each with its own sequence.',
      })
    }
    const call = descriptor.call(uapi.Fault, 8 * request.pages)
    call
      .fill({
        mirror: this.number,
        first: request.first,
        pages: request.pages,
        defaultFlags: request.defaultFlags,
        mask: request.mask,
      })
      .point('entries')
    const fill = (): void => {
      if (request.fresh === true) call.words().fill(0)
      else call.words().set(request.entries)
    }
    fill()
    // A snapshot faults nothing, and sleeps for no longer than the process holds its own locks.
    const sequence = await this.#run(uapi.IOC_FAULT, call, wait, request, {
      done: () => {
        request.entries.set(call.words())
        return call.get('sequence')
      },
      late: () => undefined,
      again: fill,
    })
    tracer.emit?.({
      type: 'range-fault',
      mirror: this.id,
      page: this.startPage + request.first,
      pages: request.pages,
      outcome: 'ok',
      flow: wait.flow ?? 0,
    })
    return sequence
  }

  map(
    request: {
      readonly first: number
      readonly pages: number
      readonly write: boolean
      readonly fault: boolean
    },
    wait: RawWait,
  ): RawMapAttempt | Promise<RawMapAttempt> {
    const { first, pages } = request
    const flags = (request.write ? uapi.MAP_WRITE : 0) | (request.fault ? 0 : uapi.MAP_PRESENT)
    const attempt = this.parts.fastMap.try(this, first, pages, flags, wait.flow ?? 0)
    return attempt ?? this.#attempt(uapi.IOC_MAP, { first, pages, flags }, wait)
  }

  unmap(first: number, pages: number): void {
    const { fastUnmap, tracer, device } = this.parts
    const unmapped = fastUnmap.run(this.number, first, pages)
    check(unmapped)
    if (unmapped > 0 && tracer.emit !== undefined) {
      const page = this.startPage + first
      tracer.emit({ type: 'dma-unmap', device, mirror: this.id, page, pages, cause: 'unmap' })
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const { descriptor, events, tracer, device } = this.parts
    events.forget(this.number)
    this.#forget()
    // It waits for calls on the mirror that are under way: not on the main thread.
    const unmapped = await descriptor.onceAsync(
      uapi.IOC_MIRROR_CLOSE,
      uapi.MirrorClose,
      { mirror: this.number },
      (result, call) => {
        if (result !== -EBADF) check(result)
        return result < 0 ? 0 : call.get('unmapped')
      },
    )
    if (unmapped > 0) {
      const { startPage: page, pages, id: mirror } = this
      tracer.emit?.({ type: 'dma-unmap', device, mirror, page, pages, cause: 'close' })
    }
  }

  invalidate(event: RawInvalidate, revoked: number): void | (() => void) {
    if (this.#closed) return
    const { tracer, device, space } = this.parts
    const page = this.startPage + event.first
    const { kind, self, pages } = event
    tracer.emit?.({ type: 'range-invalidate', space, mirror: this.id, kind, page, pages, self })
    if (revoked > 0) {
      tracer.emit?.({ type: 'dma-unmap', device, mirror: this.id, page, pages, cause: 'revoke' })
    }
    return this.#callbacks.invalidate(event)
  }

  released(): void {
    if (!this.#closed) this.#callbacks.released()
  }

  async #attempt(
    request: number,
    range: { readonly first: number; readonly pages: number; readonly flags: number },
    wait: RawWait,
  ): Promise<RawMapAttempt> {
    const { descriptor } = this.parts
    const call = descriptor.call(uapi.Map, 8 * range.pages)
    const { first, pages, flags } = range
    call.fill({ mirror: this.number, first, pages, flags }).point('entries')
    const result = (): MapAttempt => {
      const since = call.get('eventSeq')
      return new MapAttempt(
        this,
        first,
        pages,
        since % TWO_32,
        Math.floor(since / TWO_32),
        call.get('serial'),
        call.get('changed'),
        call.words().slice(),
        undefined,
        wait.flow ?? 0,
      )
    }
    return this.#run(request, call, wait, range, {
      done: result,
      late: () => {
        try {
          result().undo()
        } catch {
          // Nobody waits any more; the mapping is revoked at the latest when the mirror closes.
        }
      },
      again: () => undefined,
    })
  }

  /**
   * One range call: on the main thread if nothing has to be waited for, else on a thread of the
   * addon, again after ESTALE (events to dispatch first) and EBUSY (until the deadline). Events
   * are dispatched before it resolves. The call is ended here.
   */
  async #run<T>(
    request: number,
    call: Call<typeof uapi.Fault> | Call<typeof uapi.Map>,
    wait: RawWait,
    range: { readonly pages: number },
    then: { done: () => T; late: () => void; again: () => void },
  ): Promise<T> {
    const { descriptor, events } = this.parts
    const bounded = new BoundedWait(wait)
    const flags = call.get('flags')
    const end = (): void => descriptor.end(call)
    let ended = true
    // MAP was tried before; EXCLUSIVE takes no flags, it always faults.
    let fast = range.pages <= FAST_PAGES && request === uapi.IOC_FAULT
    this.parts.waits.add(bounded)
    try {
      for (;;) {
        call.fill({ seen: events.seen, deadline: bounded.deadline() })
        let result: number
        if (fast) {
          call.set('flags', flags | uapi.NOWAIT)
          result = descriptor.run(request, call)
          call.set('flags', flags)
          fast = false
        } else {
          const pending = descriptor.start(request, call)
          ended = false
          result = await bounded.for(pending, (late) => {
            if (late >= 0) then.late()
            end()
          })
          ended = true
        }
        events.drain()
        if (result >= 0) return then.done()
        // A page fault of our own may raise the event that made the answer stale: dispatched now.
        const stale = result === -ESTALE && !bounded.isOver
        if (!stale && result !== -EAGAIN && !bounded.mayRepeat(result)) {
          const over = result === -ESTALE
          throw callError(over ? -EBUSY : result, {
            reason: over ? uapi.REASON_INVALIDATED : call.get('reason'),
            page: over ? undefined : call.get('failedPage'),
          })
        }
        bounded.check()
        then.again()
      }
    } finally {
      this.parts.waits.delete(bounded)
      if (ended) end()
    }
  }
}
