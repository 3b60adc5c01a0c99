import { HmmError, type Advice, type CapabilityTable } from '@hmm-sdk/hmm-api'
import type {
  RawAddressSpace,
  RawFile,
  RawMmap,
  RawMremap,
  RawPin,
  RawUserfault,
  RawUserfaultfd,
  RawUserfaultfdRequest,
} from '@hmm-sdk/hmm-api/raw'
import type { AgentClient, AgentHello } from './agent-client.js'
import * as agent from './agent-protocol.js'
import type { BoundedWait } from './bounded-wait.js'
import { withHugetlbHint } from './hugetlb.js'
import { AgentFile } from './memory-file.js'
import * as uapi from './uapi.js'
import { AgentUserfaultfd } from './userfaultfd.js'

/** By their place in the agent's table (agent/memory.c). */
const ADVICES: readonly Advice[] = [
  'dontneed',
  'free',
  'remove',
  'cold',
  'pageout',
  'willneed',
  'hugepage',
  'nohugepage',
  'collapse',
  'dontfork',
  'dofork',
  'guard-install',
  'guard-remove',
  'hwpoison',
  'soft-offline',
  'dontneed-locked',
]

/** Page of the module's file where pages of a driver are. */
const DRIVER_PAGES = {
  inserted: 0,
  io: uapi.DRIVER_PAGES_IO,
  bare: uapi.DRIVER_PAGES_BARE,
} as const

/** What an address space needs of the backend. */
export interface SpaceHost {
  readonly agent: AgentClient
  readonly pageShift: number
  readonly spaceCapabilities: CapabilityTable
  /** Addresses that the agent may map, in pages: from, up to. */
  readonly window: readonly [from: number, to: number]
  /** Dispatches the events that a command of a process has caused. */
  dispatchEvents(): void
  adopt(hello: AgentHello): KernelAddressSpace
  forget(space: KernelAddressSpace): void
  /** Keeps Node alive until the returned function is called. */
  hold(): () => void
}

/** A file that the process has open. */
export interface DeviceFile {
  /** The struct as the kernel left it. */
  ioctl(request: number, struct: Uint8Array): Promise<Uint8Array>
  close(): Promise<void>
}

/** A process of the agent. Commands of one process run in order, each with its events behind it. */
export class KernelAddressSpace implements RawAddressSpace {
  readonly id: number
  readonly capabilities: CapabilityTable
  readonly pageShift: number
  /** Number of the address space in the module; 0 after exec. */
  readonly space: number
  readonly pid: number
  /** Waits for pages of it; what serves its userfaults restarts them. */
  readonly waits = new Set<BoundedWait>()
  readonly #host: SpaceHost
  readonly #process: number
  readonly #exited: Promise<number>
  readonly #pageBytes: number
  #nextPin = 1
  #ended = false
  #listener: (() => void) | undefined
  #isReleased = false
  #letGo: (() => void) | undefined

  constructor(host: SpaceHost, hello: AgentHello) {
    this.id = hello.process
    this.pid = hello.pid
    this.space = hello.space
    this.capabilities = host.spaceCapabilities
    this.pageShift = host.pageShift
    this.#pageBytes = 2 ** host.pageShift
    this.#host = host
    this.#process = hello.process
    this.#exited = new Promise((resolve) => {
      host.agent.onExit(hello.process, (status) => {
        this.#ended = true
        resolve(status)
      })
    })
  }

  async mmap(request: RawMmap): Promise<number> {
    const { startPage, file } = request
    const driverPages = request.driverPages && DRIVER_PAGES[request.driverPages]
    const flags =
      (request.shared ? agent.MMAP_SHARED : 0) |
      (startPage === undefined ? 0 : agent.MMAP_FIXED) |
      (request.populate ? agent.MMAP_POPULATE : 0) |
      (request.growsDown === true ? agent.MMAP_GROWS_DOWN : 0) |
      (driverPages === undefined ? 0 : agent.MMAP_DRIVER)
    const payload = new agent.Packer()
      .u64((startPage ?? 0) * this.#pageBytes)
      .u64(request.pages * this.#pageBytes)
      .u64((driverPages ?? request.filePage) * this.#pageBytes)
      .u32(file?.id ?? 0)
      .u32(request.protection)
      .u32(flags)
      .u32(request.hugetlb ?? 0)
    try {
      return this.#page(await this.#command(agent.OP_MMAP, payload.done()))
    } catch (error) {
      throw request.hugetlb ? withHugetlbHint(error, request.hugetlb) : error
    }
  }

  async munmap(startPage: number, pages: number): Promise<void> {
    await this.#ranged(agent.OP_MUNMAP, startPage, pages)
  }

  async mprotect(startPage: number, pages: number, protection: number): Promise<void> {
    await this.#ranged(agent.OP_MPROTECT, startPage, pages, protection)
  }

  async mremap(request: RawMremap): Promise<number> {
    const flags =
      (request.mayMove ? agent.MREMAP_MAY_MOVE : 0) |
      (request.toPage === undefined ? 0 : agent.MREMAP_FIXED) |
      (request.dontUnmap ? agent.MREMAP_DONT_UNMAP : 0)
    const payload = new agent.Packer()
      .u64(request.startPage * this.#pageBytes)
      .u64(request.pages * this.#pageBytes)
      .u64(request.newPages * this.#pageBytes)
      .u64((request.toPage ?? 0) * this.#pageBytes)
      .u32(flags)
      .u32(0)
    return this.#page(await this.#command(agent.OP_MREMAP, payload.done()))
  }

  async madvise(startPage: number, pages: number, advice: Advice): Promise<void> {
    await this.#ranged(agent.OP_MADVISE, startPage, pages, ADVICES.indexOf(advice))
  }

  createFile(pages: number, hugetlb = 0): Promise<RawFile> {
    const command = (op: number, payload: Uint8Array) => this.#command(op, payload)
    return AgentFile.create(pages, command, this.#pageBytes, hugetlb)
  }

  createDaxFile(pages: number): Promise<RawFile> {
    return this.createFile(pages, agent.FILE_DAX)
  }

  createDiskFile(pages: number): Promise<RawFile> {
    return this.createFile(pages, agent.FILE_DISK)
  }

  async oomReap(): Promise<void> {
    this.#awaitRelease()
    await this.#command(agent.OP_OOM_REAP, new Uint8Array())
  }

  async fork(name: string): Promise<RawAddressSpace> {
    const hello = await this.#host.agent.fork(this.#process, agent.OP_FORK, name)
    const child = this.#host.adopt(hello)
    this.#host.dispatchEvents()
    return child
  }

  async exec(): Promise<void> {
    this.#awaitRelease()
    await this.#command(agent.OP_EXEC, new Uint8Array())
  }

  async exit(status: number): Promise<void> {
    this.#awaitRelease()
    // There is no reply but the end of the process.
    const command = this.#command(agent.OP_EXIT, new agent.Packer().u32(status).done())
    await Promise.all([this.#exited, command.catch(() => undefined)])
    this.#host.dispatchEvents()
  }

  async kill(): Promise<void> {
    this.#awaitRelease()
    if (!this.#ended) {
      const release = this.#host.hold()
      this.#host.agent.kill(this.#process)
      await this.#exited
      release()
    }
    this.#host.dispatchEvents()
  }

  async read(page: number, offset: number, length: number): Promise<Uint8Array> {
    const start = this.#address(page, offset)
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += agent.AGENT_CHUNK) {
      const size = Math.min(agent.AGENT_CHUNK, length - at)
      bytes.set(await this.#command(agent.OP_READ, agent.packRange(start + at, size)), at)
    }
    return bytes
  }

  async write(page: number, offset: number, bytes: Uint8Array): Promise<void> {
    const start = this.#address(page, offset)
    for (let at = 0; at < bytes.length; at += agent.AGENT_CHUNK) {
      const part = bytes.subarray(at, at + agent.AGENT_CHUNK)
      await this.#command(agent.OP_WRITE, agent.packRange(start + at, part.length, 0, part))
    }
  }

  fetchAdd(page: number, offset: number, delta: number): Promise<number> {
    return this.#atomic(agent.OP_FETCH_ADD, page, offset, delta, 0)
  }

  compareExchange(
    page: number,
    offset: number,
    expected: number,
    desired: number,
  ): Promise<number> {
    return this.#atomic(agent.OP_COMPARE_EXCHANGE, page, offset, expected, desired)
  }

  async pin(startPage: number, pages: number, longTerm: boolean): Promise<RawPin> {
    const number = this.#nextPin++
    await this.#ranged(longTerm ? agent.OP_PIN : agent.OP_PIN_SHORT, startPage, pages, number)
    let closing: Promise<void> | undefined
    // Nothing to do when the process is gone: its pins went with it.
    const unpin = (): Promise<void> =>
      this.#ranged(agent.OP_UNPIN, startPage, pages, number).catch(ifNotGone)
    return { close: () => (closing ??= unpin()) }
  }

  async clearSoftDirty(): Promise<void> {
    await this.#command(agent.OP_CLEAR_SOFT_DIRTY, new Uint8Array())
  }

  async softDirty(startPage: number, pages: number): Promise<Uint8Array> {
    const dirty = new Uint8Array(pages)
    for (let at = 0; at < pages; at += agent.AGENT_CHUNK) {
      const count = Math.min(agent.AGENT_CHUNK, pages - at) * this.#pageBytes
      const range = agent.packRange((startPage + at) * this.#pageBytes, count)
      dirty.set(await this.#command(agent.OP_SOFT_DIRTY, range), at)
    }
    return dirty
  }

  async mlock(startPage: number, pages: number, lock: boolean): Promise<void> {
    await this.#ranged(agent.OP_MLOCK, startPage, pages, lock ? 1 : 0)
  }

  async mergePages(startPage: number, pages: number): Promise<void> {
    await this.#ranged(agent.OP_KSM_MERGE, startPage, pages)
  }

  async numaScan(): Promise<void> {
    await this.#command(agent.OP_NUMA_SCAN, new Uint8Array())
  }

  userfaultfd(
    request: RawUserfaultfdRequest,
    onFault: (fault: RawUserfault) => void,
  ): Promise<RawUserfaultfd> {
    const host = {
      agent: this.#host.agent,
      pageBytes: this.#pageBytes,
      isBusy: () => this.#host.agent.isBusy(this.#process),
      command: (op: number, payload: Uint8Array) => this.#command(op, payload),
      served: () => {
        for (const wait of this.waits) wait.restart()
        this.#host.dispatchEvents()
      },
    }
    return AgentUserfaultfd.open(host, request, onFault)
  }

  onReleased(listener: () => void): void {
    this.#listener = listener
    if (this.#isReleased) listener()
  }

  /** The module says that the last user of the address space is gone. */
  released(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#letGo?.()
    this.#listener?.()
  }

  async close(): Promise<void> {
    await this.kill()
    this.#letGo?.()
    this.#host.forget(this)
  }

  /** Somebody may await `released`: Node stays alive until it comes. */
  #awaitRelease(): void {
    if (!this.#isReleased) this.#letGo ??= this.#host.hold()
  }

  /**
   * Opens a driver of the kernel itself, which mirrors the process that opens it, in the process: for
   * comparisons with the kernel's own test driver. HmmError with the errno of the call.
   */
  async openDeviceFile(path: string): Promise<DeviceFile> {
    const reply = await this.#command(agent.OP_DEVICE_OPEN, Buffer.from(path))
    const fd = agent.readU32(reply, 0)
    const call = (op: number, request: number, struct: Uint8Array) =>
      this.#command(op, new agent.Packer().u32(fd).u32(request).done(struct))
    return {
      ioctl: (request, struct) => call(agent.OP_DEVICE_IOCTL, request, struct),
      close: async () => void (await call(agent.OP_DEVICE_CLOSE, 0, new Uint8Array())),
    }
  }

  async #command(op: number, payload: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#host.agent.command(this.#process, op, payload)
    } finally {
      this.#host.dispatchEvents()
    }
  }

  async #ranged(op: number, startPage: number, pages: number, value = 0): Promise<void> {
    const start = startPage * this.#pageBytes
    await this.#command(op, agent.packRange(start, pages * this.#pageBytes, value))
  }

  async #atomic(
    op: number,
    page: number,
    offset: number,
    operand: number,
    desired: number,
  ): Promise<number> {
    const payload = new agent.Packer().u64(this.#address(page, offset)).u32(operand).u32(desired)
    return agent.readU32(await this.#command(op, payload.done()), 0)
  }

  /** A byte address, which a number holds exactly: the agent has nothing beyond its window. */
  #address(page: number, offset: number): number {
    if (page < this.#host.window[1]) return page * this.#pageBytes + offset
    throw new HmmError('EFAULT', { message: 'no process has memory at that address' })
  }

  #page(reply: Uint8Array): number {
    const page = agent.readU64(reply, 0) / this.#pageBytes
    if (!Number.isInteger(page)) throw new HmmError('EIO', { message: 'the agent lost count' })
    return page
  }
}

function ifNotGone(error: unknown): void {
  if (!HmmError.is(error, 'ESRCH')) throw error
}
