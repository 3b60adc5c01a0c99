import { closeSync } from 'node:fs'
import type { Native, NativeMemory, PendingCall } from './native.js'
import { StructView, type FieldOf } from './struct-view.js'
import type { UapiStruct } from './uapi.js'

/** Where the arrays that a struct points to begin in the memory of a call. */
const PAYLOAD = 512

/**
 * The argument of one ioctl: its struct, and behind it the arrays that it points to. Made by
 * {@link Descriptor.call}; the same call may be run several times.
 */
export class Call<S extends UapiStruct> extends StructView<S> {
  readonly memory: NativeMemory
  /** What pointers of the struct lead to. */
  readonly payload: Uint8Array

  constructor(layout: S, memory: NativeMemory, bytes: number) {
    super(layout, new DataView(memory.buffer, 0, layout.size))
    this.memory = memory
    this.payload = new Uint8Array(memory.buffer, PAYLOAD, bytes)
    this.clear()
  }

  /** Sets several fields. */
  fill(values: { readonly [name in FieldOf<S>]?: number | bigint }): this {
    for (const [name, value] of Object.entries(values)) {
      this.set(name as FieldOf<S>, value as number | bigint)
    }
    return this
  }

  /** Lets `field` point to byte `offset` (a multiple of 8) of the payload. */
  point(field: FieldOf<S>, offset = 0): this {
    this.set(field, this.memory.address + PAYLOAD + offset)
    return this
  }

  /** The payload as 32-bit words. */
  words(): Uint32Array {
    return new Uint32Array(this.memory.buffer, PAYLOAD, this.payload.length >> 2)
  }
}

/**
 * An argument that is kept for one request, for calls that are made often: nothing is looked up or
 * made when it runs. Its `deadline`, if it has one, is 0: the default of the module.
 */
export class FixedCall {
  /** The struct. Runs on this thread only: 0 or positive, or -errno. */
  readonly words: Uint32Array
  readonly run: () => number
  /** The next one in a list of those that are not in use. */
  next: FixedCall | undefined = undefined
  readonly #memory: NativeMemory
  #entries: Uint32Array

  constructor(memory: NativeMemory, run: () => number) {
    this.#memory = memory
    this.words = new Uint32Array(memory.buffer, 0, PAYLOAD >> 2)
    this.run = run
    this.#entries = new Uint32Array(memory.buffer, PAYLOAD, 0)
  }

  /** The first `pages` entries of the array behind the struct; what is there, not a copy. */
  entries(pages: number): Uint32Array {
    if (this.#entries.length !== 2 * pages) {
      this.#entries = new Uint32Array(this.#memory.buffer, PAYLOAD, 2 * pages)
    }
    return this.#entries
  }
}

/** An open descriptor of the module: the context, or a device. */
export class Descriptor {
  readonly native: Native
  readonly fd: number
  readonly #running = new Set<PendingCall>()
  #closed = false

  constructor(native: Native, fd: number) {
    this.native = native
    this.fd = fd
  }

  /** A zeroed argument with `payload` bytes behind it. Give it back with {@link end}. */
  call<S extends UapiStruct>(layout: S, payload = 0): Call<S> {
    return new Call(layout, this.native.acquire(PAYLOAD + payload), payload)
  }

  /** A zeroed argument for `request` alone, whose `field` points to `payload` bytes. Lasts as long as this. */
  fixed<S extends UapiStruct>(
    request: number,
    layout: S,
    field?: FieldOf<S>,
    payload = 0,
  ): FixedCall {
    const memory = this.native.allocate(PAYLOAD + payload)
    if (field !== undefined) new Call(layout, memory, payload).point(field)
    return new FixedCall(memory, this.native.prepare(this.fd, request, memory))
  }

  /** Whether it was not closed. */
  get isOpen(): boolean {
    return !this.#closed
  }

  end(call: Call<UapiStruct>): void {
    this.native.recycle(call.memory)
  }

  /** Runs it on this thread: 0 or positive, or -errno. */
  run(request: number, call: Call<UapiStruct>): number {
    return this.native.ioctl(this.fd, request, call.memory)
  }

  /** Runs it on a thread of the addon. The call must not be ended before the result is there. */
  start(request: number, call: Call<UapiStruct>): PendingCall {
    const pending = this.native.ioctlAsync(this.fd, request, call.memory)
    this.#running.add(pending)
    void pending.result.then(() => this.#running.delete(pending))
    return pending
  }

  /** One call from begin to end on this thread: `after` reads the results. */
  once<S extends UapiStruct, T>(
    request: number,
    layout: S,
    values: { readonly [name in FieldOf<S>]?: number | bigint },
    after: (result: number, call: Call<S>) => T,
  ): T {
    const call = this.call(layout).fill(values)
    try {
      return after(this.run(request, call), call)
    } finally {
      this.end(call)
    }
  }

  /** The same on a thread of the addon. */
  async onceAsync<S extends UapiStruct, T>(
    request: number,
    layout: S,
    values: { readonly [name in FieldOf<S>]?: number | bigint },
    after: (result: number, call: Call<S>) => T,
  ): Promise<T> {
    const call = this.call(layout).fill(values)
    try {
      return after(await this.start(request, call).result, call)
    } finally {
      this.end(call)
    }
  }

  /**
   * Cancels its running calls, and closes it once they have ended: a descriptor number must not be
   * used again while a call that names it waits for its thread.
   */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const running = [...this.#running]
    for (const pending of running) pending.cancel()
    await Promise.all(running.map(({ result }) => result))
    closeSync(this.fd)
  }
}
