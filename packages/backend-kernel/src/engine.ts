import { HmmError } from '@hmm-sdk/hmm-api'
import type { RawEngine, RawWait } from '@hmm-sdk/hmm-api/raw'
import { BoundedWait } from './bounded-wait.js'
import { callError, EFAULT, EPERM } from './call-error.js'
import type { Call, Descriptor } from './descriptor.js'
import { sourceName, type EventQueue } from './events.js'
import * as uapi from './uapi.js'

/** Up to here a copy runs on the main thread: it never sleeps, but it takes its time. */
const SYNC_BYTES = 65536

const WHY: Readonly<Record<string, string>> = {
  'not-mapped': 'nothing is mapped at the address',
  revoked: 'the page was revoked, or is not mapped now',
  permission: 'the page is mapped for reading only',
  poison: 'the memory itself could not be read',
}

/** The engine of the software device: the module moves the bytes, through the device's table. */
export class KernelEngine implements RawEngine {
  readonly maxBytes: number
  fetchAdd?: NonNullable<RawEngine['fetchAdd']>
  readonly #descriptor: Descriptor
  readonly #events: EventQueue

  constructor(descriptor: Descriptor, events: EventQueue, maxBytes: number, atomics: boolean) {
    this.#descriptor = descriptor
    this.#events = events
    this.maxBytes = maxBytes
    if (atomics) {
      this.fetchAdd = (page, offset, delta, wait) => this.#add(page, offset, delta, wait)
    }
  }

  async read(
    dmaPage: number,
    offset: number,
    length: number,
    wait: RawWait = {},
  ): Promise<Uint8Array> {
    const call = this.#descriptor.call(uapi.EngineCopy, length)
    try {
      call.fill({ dmaPage, offset, length }).point('data')
      await this.#copy(uapi.IOC_ENGINE_READ, call, 'read', wait)
      return call.payload.slice()
    } finally {
      this.#descriptor.end(call)
    }
  }

  async write(
    dmaPage: number,
    offset: number,
    bytes: Uint8Array,
    wait: RawWait = {},
  ): Promise<void> {
    const call = this.#descriptor.call(uapi.EngineCopy, bytes.length)
    try {
      call.fill({ dmaPage, offset, length: bytes.length }).point('data')
      call.payload.set(bytes)
      await this.#copy(uapi.IOC_ENGINE_WRITE, call, 'write', wait)
    } finally {
      this.#descriptor.end(call)
    }
  }

  async #add(dmaPage: number, offset: number, delta: number, wait: RawWait = {}): Promise<number> {
    new BoundedWait(wait).check()
    const values = { dmaPage, offset, delta: delta | 0 }
    const { result, old, source } = this.#descriptor.once(
      uapi.IOC_ENGINE_FETCH_ADD,
      uapi.EngineAdd,
      values,
      (answer, call) => ({
        result: answer,
        old: call.get('old') >>> 0,
        source: call.get('source'),
      }),
    )
    this.#events.drain()
    if (result === -EPERM) {
      throw new HmmError('EPERM', {
        message: 'the device does not hold the page exclusively',
        hint: 'Take it with mirror.exclusive, and again after an invalidation.',
      })
    }
    if (result < 0) throw this.#error(result, source, 'atomic')
    return old
  }

  async #copy(
    request: number,
    call: Call<typeof uapi.EngineCopy>,
    access: string,
    wait: RawWait,
  ): Promise<void> {
    new BoundedWait(wait).check()
    const result =
      call.payload.length <= SYNC_BYTES
        ? this.#descriptor.run(request, call)
        : await this.#descriptor.start(request, call).result
    // The driver hears of the revocation before it hears of the fault that it caused.
    this.#events.drain()
    if (result < 0) throw this.#error(result, call.get('source'), access)
  }

  #error(result: number, source: number, access: string): HmmError {
    const name = sourceName(source)
    if (result !== -EFAULT || name === undefined) return callError(result)
    return new HmmError('EFAULT', {
      message: `device fault on ${access}: ${WHY[name] ?? name}`,
      hint: 'Map the range again and retry; a revoked address is never valid again by itself.',
    })
  }
}
