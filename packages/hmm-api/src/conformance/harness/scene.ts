import type { VirtualRange } from '../../address/virtual-range.js'
import type { AddressSpace, MmapOptions } from '../../objects/address-space.js'
import type { Backend } from '../../objects/backend.js'
import type { Device } from '../../objects/device.js'
import { codeOf, equal, ok, rejects } from './check.js'
import { Watch, type WatchOptions } from './watch.js'

interface Closable {
  close(): Promise<void>
}

/**
 * What every case starts with: a backend, a process and the device `demo`, all fresh (the backend
 * may be shared). What a case makes through it is closed by it; anything else must be closed by
 * the case, or the case fails for leaking.
 */
export class Scene {
  readonly backend: Backend
  readonly space: AddressSpace
  readonly device: Device
  /** Opens another backend of the same kind, for cases that close it. */
  readonly openBackend: () => Promise<Backend>
  readonly #owned: Closable[] = []
  readonly #watches: Watch[] = []
  #callbackFailures = 0

  private constructor(
    backend: Backend,
    space: AddressSpace,
    device: Device,
    open: () => Promise<Backend>,
  ) {
    this.backend = backend
    this.space = space
    this.device = device
    this.openBackend = async () => this.own(await open())
  }

  static async open(backend: Backend, open: () => Promise<Backend>): Promise<Scene> {
    const space = await backend.createAddressSpace({ name: 'process' })
    try {
      return new Scene(backend, space, await backend.openDevice('demo'), open)
    } catch (error) {
      await space.close()
      throw error
    }
  }

  get pageSize(): number {
    return this.space.pageSize
  }

  /** Closes `object` at the end. */
  own<T extends Closable>(object: T): T {
    this.#owned.push(object)
    return object
  }

  /** `pages` pages of private anonymous memory, unless said otherwise. */
  mmap(pages: number, options: Omit<MmapOptions, 'pages'> = {}): Promise<VirtualRange> {
    return this.space.mmap({ pages, ...options })
  }

  /** Mirrors `range`, of the process unless said otherwise, and records the events. */
  async watch(range: VirtualRange, options: WatchOptions = {}): Promise<Watch> {
    const watch = await Watch.open(
      options.device ?? this.device,
      options.space ?? this.space,
      range,
      options.invalidate,
    )
    this.own(watch.mirror)
    this.#watches.push(watch)
    return watch
  }

  async fork(space: AddressSpace = this.space): Promise<AddressSpace> {
    return this.own(await space.fork({ name: 'child' }))
  }

  /** Another process. */
  async spawn(): Promise<AddressSpace> {
    return this.own(await this.backend.createAddressSpace({ name: 'other' }))
  }

  /** The device `demo` once more: another device of the same kind. */
  async openDevice(): Promise<Device> {
    return this.own(await this.backend.openDevice('demo'))
  }

  /** A device whose memory `demo` may reach: `demo` once more, or `peer` where it opens exclusively. */
  async openPeer(): Promise<Device> {
    if (this.device.capabilities.has('device.shared')) return this.openDevice()
    return this.own(await this.backend.openDevice('peer'))
  }

  /** The CPU writes `first + i` to page `i`. */
  async fill(range: VirtualRange, first: number, space: AddressSpace = this.space): Promise<void> {
    for (let index = 0; index < range.pages; index++) {
      await this.poke(range, index, first + index, space)
    }
  }

  /** The CPU reads the first byte of page `index`. */
  async peek(range: VirtualRange, index: number, space: AddressSpace = this.space) {
    const [byte] = await space.read(range.page(index).start, 1)
    return byte as number
  }

  /** The CPU writes the first byte of page `index`. */
  poke(range: VirtualRange, index: number, byte: number, space: AddressSpace = this.space) {
    return space.write(range.page(index).start, Uint8Array.of(byte))
  }

  /** The CPU reads the first byte of each page. */
  async contents(range: VirtualRange, space: AddressSpace = this.space): Promise<number[]> {
    const bytes: number[] = []
    for (let index = 0; index < range.pages; index++) {
      bytes.push(await this.peek(range, index, space))
    }
    return bytes
  }

  /**
   * A right that the device does not have: its access is refused with EFAULT. A device without an
   * error status may not notice (capability `deviceFault.exact`), so cases look at the memory too.
   */
  async refused(access: Promise<unknown>, what = 'a device write'): Promise<void> {
    if (this.device.capabilities.has('deviceFault.exact')) await rejects('EFAULT', access, what)
    else ok([undefined, 'EFAULT'].includes(await codeOf(access)), `${what} fails with EFAULT only`)
  }

  /** Declares that callbacks of this case throw `count` times. */
  expectCallbackFailures(count: number): void {
    this.#callbackFailures += count
  }

  /** Closes everything, last made first, and fails if anything was left over. */
  async close(): Promise<void> {
    for (const each of this.#owned.reverse()) await each.close()
    await this.device.close()
    await this.space.close()
    equal([...this.device.leaks, ...this.space.leaks], [], 'what the case left open')
    const failures = this.#watches.flatMap((watch) => watch.mirror.callbackFailures)
    equal(
      failures.length,
      this.#callbackFailures,
      `callbacks failed (${failures.join('; ')}): they`,
    )
  }
}
