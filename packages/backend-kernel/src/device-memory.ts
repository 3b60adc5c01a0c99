import type {
  DeviceMemoryKind,
  RawDeviceMemory,
  RawMigrate,
  RawMigrateReport,
  RawMirror,
  RawWait,
} from '@hmm-sdk/hmm-api/raw'
import { BoundedWait } from './bounded-wait.js'
import { callError, check, EBUSY, EINTR, EINVAL } from './call-error.js'
import { HUGE_ORDER } from './capabilities.js'
import type { Descriptor } from './descriptor.js'
import type { DeviceInfo } from './device-info.js'
import type { EventQueue } from './events.js'
import type { KernelMirror } from './mirror.js'
import type { Tracer } from './trace.js'
import * as uapi from './uapi.js'

const OUTCOME_POPULATED = uapi.OUTCOME_POPULATED

/** Memory of the software device. */
export class KernelDeviceMemory implements RawDeviceMemory {
  readonly pages: number
  readonly kind: DeviceMemoryKind
  readonly #descriptor: Descriptor
  readonly #events: EventQueue
  readonly #tracer: Tracer
  readonly #device: number
  readonly #maxPages: number
  #listener: ((pages: number) => void) | undefined

  constructor(
    parts: {
      readonly descriptor: Descriptor
      readonly events: EventQueue
      readonly tracer: Tracer
      readonly device: number
    },
    info: DeviceInfo,
    maxPages: number,
  ) {
    this.#descriptor = parts.descriptor
    this.#events = parts.events
    this.#tracer = parts.tracer
    this.#device = parts.device
    this.pages = info.memoryPages
    this.kind = info.has(uapi.DEV_MEMORY_COHERENT) ? 'coherent' : 'private'
    this.#maxPages = maxPages
  }

  freePages(): number {
    return this.#descriptor.once(uapi.IOC_DEVICE_INFO, uapi.DeviceInfo, {}, (result, call) => {
      check(result)
      return call.get('memoryFree')
    })
  }

  async migrate(mirror: RawMirror, request: RawMigrate, wait: RawWait): Promise<RawMigrateReport> {
    const bounded = new BoundedWait(wait)
    const outcomes = new Uint8Array(request.pages)
    const declined = new Set(request.declined)
    for (let at = 0; at < request.pages;) {
      const pages = Math.min(this.#maxPages, request.pages - at)
      at += await this.#migrateChunk(
        mirror as KernelMirror,
        { ...request, first: request.first + at, pages },
        (index) => declined.has(at + index),
        outcomes.subarray(at, at + pages),
        bounded,
      )
    }
    const moved = outcomes.filter((outcome) => outcome <= OUTCOME_POPULATED).length
    if (moved > 0) {
      const { id, startPage } = mirror as KernelMirror
      this.#tracer.emit?.({
        type: 'page-migrate',
        device: this.#device,
        mirror: id,
        page: startPage + request.first,
        pages: moved,
        to: request.to,
        cause: 'call',
        flow: wait.flow ?? 0,
      })
    }
    return { outcomes }
  }

  setCpuFaultPages(pages: number): void {
    this.#descriptor.once(uapi.IOC_SET_CPU_FAULT_PAGES, uapi.CpuFaultPages, { pages }, (result) =>
      check(result),
    )
  }

  onCpuFault(listener: ((pages: number) => void) | undefined): void {
    this.#listener = listener
  }

  /** A CPU fault brought pages back. */
  cpuFault(pages: number): void {
    this.#listener?.(pages)
  }

  async evict(wait: RawWait): Promise<number> {
    const bounded = new BoundedWait(wait)
    let moved = 0
    for (;;) {
      bounded.check()
      const call = this.#descriptor.call(uapi.Evict)
      const pending = this.#descriptor.start(uapi.IOC_EVICT, call)
      let ended = false
      try {
        const result = await bounded.for(pending, () => this.#descriptor.end(call))
        ended = true
        this.#events.drain()
        moved += call.get('moved')
        if (result >= 0) return moved
        if (!bounded.mayRepeat(result)) {
          throw callError(result, {
            message: result === -EBUSY ? `${call.get('left')} pages are pinned or in motion` : '',
          })
        }
      } finally {
        if (ended) this.#descriptor.end(call)
      }
    }
  }

  /** One MIGRATE, continued after a signal; how many pages were dealt with. */
  async #migrateChunk(
    mirror: KernelMirror,
    request: RawMigrate,
    isDeclined: (index: number) => boolean,
    outcomes: Uint8Array,
    bounded: BoundedWait,
  ): Promise<number> {
    bounded.check()
    const { pages } = request
    const bitmapBytes = 8 * Math.ceil(pages / 64)
    const call = this.#descriptor.call(uapi.Migrate, bitmapBytes + pages)
    const bitmap = call.payload.subarray(0, bitmapBytes).fill(0)
    for (let index = 0; index < pages; index++) {
      if (isDeclined(index)) bitmap[index >> 3] = (bitmap[index >> 3] ?? 0) | (1 << (index & 7))
    }
    call
      .fill({
        mirror: mirror.number,
        target:
          (request.to === 'device' ? uapi.TO_MEMORY : uapi.TO_SYSTEM) |
          (request.order < HUGE_ORDER ? uapi.TO_SINGLE : 0),
        first: request.first,
        pages,
      })
      .point('declined')
      .point('outcomes', bitmapBytes)
    let ended = false
    try {
      const pending = this.#descriptor.start(uapi.IOC_MIGRATE, call)
      const result = await bounded.for(pending, () => this.#descriptor.end(call))
      ended = true
      this.#events.drain()
      const done = call.get('done')
      outcomes.set(call.payload.subarray(bitmapBytes, bitmapBytes + Math.min(done, pages)))
      if (result >= 0) return pages
      if (result === -EINTR && done > 0) return done
      throw callError(result, {
        page: result === -EINVAL ? done : undefined,
        message: result === -EINVAL ? 'a hole, or memory that can never migrate' : undefined,
      })
    } finally {
      if (ended) this.#descriptor.end(call)
    }
  }
}
