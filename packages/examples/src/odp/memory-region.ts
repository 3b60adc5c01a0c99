import {
  HmmError,
  type AddressSpace,
  type Completion,
  type Device,
  type DeviceFault,
  type Flow,
  type Mirror,
  type MirrorMapping,
  type VirtualRange,
} from '@hmm-sdk/hmm-api'
import type { AdapterControl } from './adapter-control.js'

/** What the peer may do with a region. */
export type Rights = 'read' | 'write'

/** How long one fault may be kept busy by invalidations before the device is told to try again. */
const FAULT_DEADLINE_MS = 1000

/**
 * Memory of a process that a peer may reach by its key, without being pinned.
 *
 * Pages are translated for the adapter when it faults on them, and the translation goes when the
 * process changes the page. What the process does never waits for the peer.
 */
export class MemoryRegion {
  readonly key: number
  readonly range: VirtualRange
  readonly rights: Rights
  readonly #device: Device
  readonly #control: AdapterControl
  readonly #idle: Completion
  readonly #stop = new AbortController()
  #mirror: Mirror | undefined
  #closing: Promise<void> | undefined

  constructor(
    device: Device,
    control: AdapterControl,
    key: number,
    range: VirtualRange,
    rights: Rights,
  ) {
    this.#device = device
    this.#control = control
    this.#idle = device.sync.completion(`key ${key} is idle`)
    this.key = key
    this.range = range
    this.rights = rights
  }

  /** Makes the key, watches the memory, and translates what is present already. */
  async register(space: AddressSpace): Promise<void> {
    this.#control.createKey(this.key, this.range.pages, this.rights === 'write')
    try {
      this.#mirror = await this.#device.mirror(space, this.range, {
        name: `region of key ${this.key}`,
        // The pages are revoked already: a request in flight faults and asks for them again. Here
        // only the adapter's table follows, so that it does not need a fault to find out.
        invalidate: (event) => this.#drop(event.range),
      })
      await this.#map(this.range, this.rights, true)
    } catch (error) {
      // No memory, or the process is gone; nobody was told the key yet.
      await this.deregister()
      throw error
    }
  }

  /**
   * Translates pages ahead of their use (`ibv_advise_mr`). Errors: those of `mirror.map`; EPERM
   * for writing without the right to.
   */
  async prefetch(firstPage: number, pages: number, access: Rights): Promise<void> {
    if (access === 'write' && this.rights !== 'write') {
      throw new HmmError('EPERM', { message: `key ${this.key} was registered for reading` })
    }
    await this.#map(this.range.slice(firstPage, pages), access, false)
  }

  /** Gives the adapter the page it faulted on, or fails the one request that needs it. */
  async handle(fault: DeviceFault): Promise<void> {
    try {
      // at() and pageIndex() refuse an offset outside the region, whatever the device says.
      const page = this.range.pageIndex(this.range.at(Number(fault.address)))
      await this.#map(
        this.range.page(page),
        fault.access === 'read' ? 'read' : 'write',
        false,
        fault.flow,
      )
      fault.resolve()
    } catch (error) {
      // EFAULT: nothing is mapped there. EPERM: it is read-only. ESRCH: the process is gone.
      // What may pass by itself is left to the device, which faults again, a limited number of times.
      if (HmmError.is(error) && error.retryable && this.#closing === undefined) fault.resolve()
      else fault.fail()
      if (!HmmError.is(error)) throw error
    }
  }

  /** Called for the interrupt that a destroyed key is idle. */
  checkIdle(): void {
    if (this.#closing !== undefined && this.#control.users(this.key) === 0) this.#idle.complete()
  }

  /** Ends the key; requests in flight end first, with an error. Idempotent. */
  deregister(): Promise<void> {
    this.#closing ??= this.#deregister()
    return this.#closing
  }

  // The order is what makes it safe: no new use, no new translation, no user left, and only then
  // the memory is let go of.
  async #deregister(): Promise<void> {
    try {
      this.#control.destroyKey(this.key)
      this.#stop.abort()
      if (this.#control.users(this.key) > 0) await this.#idle.wait()
    } finally {
      await this.#mirror?.close()
    }
  }

  async #map(
    range: VirtualRange,
    access: Rights,
    presentOnly: boolean,
    flow?: Flow,
  ): Promise<void> {
    const options = {
      access,
      presentOnly,
      deadlineMs: FAULT_DEADLINE_MS,
      signal: this.#stop.signal,
      flow,
    }
    // All pages of one map are valid at the same moment, which bounds how many they can be.
    const { pagesPerMap = range.pages } = this.#device.capabilities.require('dma.mirror')
    for (const slice of range.chunks(pagesPerMap)) {
      await this.#mirror?.map(slice, options, (mapping) => this.#install(mapping))
    }
  }

  // Runs only if the pages are still valid, and nothing can change that while it runs.
  #install(mapping: MirrorMapping): void {
    if (this.#closing !== undefined) return
    const first = this.range.indexOf(mapping.range)
    for (const run of mapping.runs()) this.#control.install(this.key, first + run.first, run)
  }

  #drop(gone: VirtualRange): void {
    if (this.#closing !== undefined) return
    this.#control.drop(this.key, this.range.indexOf(gone), gone.pages)
  }
}
