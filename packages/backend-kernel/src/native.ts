import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { errnoName, HmmError } from '@hmm-sdk/hmm-api'
import { packageFolder } from './package-folder.js'

/** What addon/*.c exports. Every function returns -errno instead of throwing. */
export interface Addon {
  attach(
    onDone: (id: number, result: number) => void,
    onReady: (id: number, zero: number) => void,
  ): number
  allocate(bytes: number): { id: number; buffer: ArrayBuffer } | number
  map(
    fd: number,
    offset: number,
    bytes: number,
    writable: number,
  ): { id: number; buffer: ArrayBuffer } | number
  address(memory: number): number
  release(memory: number, buffer: ArrayBuffer): number
  ioctl(fd: number, request: number, memory: number, offset: number): number
  prepare(fd: number, request: number, memory: number, offset: number): (() => number) | number
  ioctlAsync(id: number, fd: number, request: number, memory: number, offset: number): number
  cancel(id: number): number
  watch(id: number, fd: number): number
  rearm(id: number): number
  unwatch(id: number): number
  keepAlive(keep: number): number
  eventfd(): number
  read(fd: number, memory: number, offset: number, bytes: number): number
}

/** Memory outside the JavaScript heap, which the kernel may use while JavaScript runs. */
export interface NativeMemory {
  readonly id: number
  readonly buffer: ArrayBuffer
  /** Where the kernel finds it. */
  readonly address: number
}

/** A call on a thread of the addon. */
export interface PendingCall {
  /** 0 or positive, or -errno. Never rejects. */
  readonly result: Promise<number>
  /** Makes it end with -EINTR, unless it ends by itself first. */
  cancel(): void
}

/** A descriptor that is polled. */
export interface Watch {
  /** After it was drained: report again. */
  rearm(): void
  /** Before the descriptor is closed. */
  close(): void
}

const FIRST_CLASS = 12
const MOST_POOLED = 8

/**
 * The native addon, loaded when it is first needed. One instance for each Node environment (main
 * thread or worker).
 */
export class Native {
  static #loaded: Native | undefined
  readonly #addon: Addon
  readonly #calls = new Map<number, (result: number) => void>()
  readonly #watches = new Map<number, () => void>()
  readonly #pool = new Map<number, NativeMemory[]>()
  #nextId = 1
  #holders = 0

  private constructor(addon: Addon) {
    this.#addon = addon
    const status = addon.attach(
      (id, result) => this.#done(id, result),
      (id) => this.#watches.get(id)?.(),
    )
    if (status < 0) throw nativeError(status, 'the native addon could not start its thread')
  }

  /** Loads it once. Where it cannot run, ENODEV says what to do. */
  static load(): Native {
    this.#loaded ??= new Native(loadAddon(prebuiltAddon()))
    return this.#loaded
  }

  /** On this thread: 0 or positive, or -errno. */
  ioctl(fd: number, request: number, memory: NativeMemory, offset = 0): number {
    return this.#addon.ioctl(fd, request, memory.id, offset)
  }

  /** A function that does `ioctl(fd, request, memory)`. Not to be called when `fd` is closed. */
  prepare(fd: number, request: number, memory: NativeMemory): () => number {
    const run = this.#addon.prepare(fd, request, memory.id, 0)
    if (typeof run === 'number') throw nativeError(run, 'a call could not be prepared')
    return run
  }

  /** On a thread of the addon. Keeps Node alive until it ends; the memory too. */
  ioctlAsync(fd: number, request: number, memory: NativeMemory, offset = 0): PendingCall {
    const id = this.#id()
    const result = new Promise<number>((resolve) => this.#calls.set(id, resolve))
    const status = this.#addon.ioctlAsync(id, fd, request, memory.id, offset)
    if (status < 0) this.#done(id, status)
    return { result, cancel: () => void this.#addon.cancel(id) }
  }

  /** Calls `ready` once when `fd` is readable; again after `rearm`. Never keeps Node alive. */
  watch(fd: number, ready: () => void): Watch {
    const id = this.#id()
    this.#watches.set(id, ready)
    const status = this.#addon.watch(id, fd)
    if (status < 0) {
      this.#watches.delete(id)
      throw nativeError(status, `descriptor ${fd} cannot be polled`)
    }
    return {
      rearm: () => {
        if (this.#watches.has(id)) this.#addon.rearm(id)
      },
      close: () => {
        if (this.#watches.delete(id)) this.#addon.unwatch(id)
      },
    }
  }

  /** Keeps Node alive for the watches until the returned function is called. */
  hold(): () => void {
    if (this.#holders++ === 0) this.#addon.keepAlive(1)
    let held = true
    return () => {
      if (!held) return
      held = false
      if (--this.#holders === 0) this.#addon.keepAlive(0)
    }
  }

  /** At least `bytes` of memory, page aligned; from a pool, so its content is arbitrary. */
  acquire(bytes: number): NativeMemory {
    const size = Math.max(FIRST_CLASS, Math.ceil(Math.log2(bytes)))
    return this.#pool.get(size)?.pop() ?? this.allocate(2 ** size)
  }

  /** Zeroed memory that belongs to no pool: freed with its buffer, or by `release`. */
  allocate(bytes: number): NativeMemory {
    return this.#hand(this.#addon.allocate(bytes), `${bytes} bytes of call memory`)
  }

  /** Gives memory of `acquire` back. */
  recycle(memory: NativeMemory): void {
    const size = Math.log2(memory.buffer.byteLength)
    const pool = this.#pool.get(size) ?? []
    this.#pool.set(size, pool)
    if (pool.length < MOST_POOLED) pool.push(memory)
    else this.release(memory)
  }

  /** Maps a descriptor, shared. Writing to it kills Node unless `writable`. */
  map(fd: number, offset: number, bytes: number, writable: boolean): NativeMemory {
    return this.#hand(this.#addon.map(fd, offset, bytes, writable ? 1 : 0), 'a mapping')
  }

  /** Unmaps; `memory.buffer` is detached. */
  release(memory: NativeMemory): void {
    this.#addon.release(memory.id, memory.buffer)
  }

  /** A new eventfd, or -errno. */
  eventfd(): number {
    return this.#addon.eventfd()
  }

  /** read(2) into memory: bytes, or -errno. */
  read(fd: number, memory: NativeMemory, offset: number, bytes: number): number {
    return this.#addon.read(fd, memory.id, offset, bytes)
  }

  #hand(made: { id: number; buffer: ArrayBuffer } | number, what: string): NativeMemory {
    if (typeof made === 'number') throw nativeError(made, `${what} could not be had`)
    return { ...made, address: this.#addon.address(made.id) }
  }

  #done(id: number, result: number): void {
    const resolve = this.#calls.get(id)
    this.#calls.delete(id)
    resolve?.(result)
  }

  #id(): number {
    const id = this.#nextId
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1
    return id
  }
}

/** Path of the prebuilt addon for this platform, whether it exists or not. */
export function prebuiltAddon(): string {
  return join(packageFolder, 'prebuilds', `${process.platform}-${process.arch}`, 'hmm_sdk.node')
}

/** Loads the addon from `path`. ENODEV with what to do where it cannot run. */
export function loadAddon(path: string): Addon {
  if (process.platform !== 'linux') {
    throw new HmmError('ENODEV', {
      message: `the kernel backend needs Linux, this is ${process.platform}`,
      hint: "Use the simulation: backend 'sim' runs everywhere.",
    })
  }
  const build = `node ${join(packageFolder, 'addon/build.mjs')}`
  if (!existsSync(path)) {
    throw new HmmError('ENODEV', {
      message: `there is no prebuilt addon for ${process.platform}-${process.arch} (${path})`,
      hint: `Build it with gcc: ${build}`,
    })
  }
  try {
    return createRequire(import.meta.url)(path) as Addon
  } catch (cause) {
    throw new HmmError('ENODEV', {
      message: `the native addon does not load: ${(cause as Error).message}`,
      hint: isMusl()
        ? `The prebuilt addon is for glibc 2.28 and later, this Node runs on musl. Build it here: ${build}`
        : `It needs glibc 2.28 or later. Build it here: ${build}`,
      cause,
    })
  }
}

/** Whether this Node runs on another C library than glibc. */
export function isMusl(): boolean {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } }
  return process.platform === 'linux' && report.header?.glibcVersionRuntime === undefined
}

function nativeError(status: number, message: string): HmmError {
  return new HmmError(errnoName(-status), { message: `${message} (errno ${-status})` })
}
