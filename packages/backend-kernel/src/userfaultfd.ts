import { HmmError, errnoName } from '@hmm-sdk/hmm-api'
import type { RawUserfault, RawUserfaultfd, RawUserfaultfdRequest } from '@hmm-sdk/hmm-api/raw'
import type { AgentClient } from './agent-client.js'
import * as agent from './agent-protocol.js'

/** What a userfaultfd needs of its address space. */
export interface UserfaultfdHost {
  readonly agent: AgentClient
  readonly pageBytes: number
  /** Whether the process has something else to do, such as to wait for a page. */
  isBusy(): boolean
  /** Sends a command to the process. */
  command(op: number, payload: Uint8Array): Promise<Uint8Array>
  /** Dispatches events; and what waits for a page has made progress. */
  served(): void
}

/** A userfaultfd, in the hands of a process of the agent that serves nothing else. */
export class AgentUserfaultfd implements RawUserfaultfd {
  readonly #host: UserfaultfdHost
  readonly #process: number
  #closed: Promise<void> | undefined
  #pid: Promise<Uint8Array> | undefined
  readonly #ended: Promise<unknown>

  private constructor(host: UserfaultfdHost, process: number) {
    this.#host = host
    this.#process = process
    this.#ended = new Promise((resolve) => host.agent.onExit(process, resolve))
  }

  /** Errors: EPERM (no right to serve faults of the kernel), and those of UFFDIO_REGISTER. */
  static async open(
    host: UserfaultfdHost,
    request: RawUserfaultfdRequest,
    onFault: (fault: RawUserfault) => void,
  ): Promise<AgentUserfaultfd> {
    const process = host.agent.newHandler((payload) => {
      const flags = agent.readU32(payload, 8)
      onFault({
        page: Math.floor(agent.readU64(payload, 0) / host.pageBytes),
        write: (flags & agent.USERFAULT_WRITE) !== 0,
        writeProtect: (flags & agent.USERFAULT_WRITE_PROTECT) !== 0,
      })
    })
    const made = new AgentUserfaultfd(host, process)
    const modes =
      (request.missing ? agent.USERFAULTFD_MISSING : 0) |
      (request.writeProtect ? agent.USERFAULTFD_WRITE_PROTECT : 0) |
      (request.asynchronous === true ? agent.USERFAULTFD_ASYNC : 0)
    const payload = new agent.Packer()
      .u64(request.startPage * host.pageBytes)
      .u64(request.pages * host.pageBytes)
      .u32(process)
      .u32(modes)
    try {
      await host.command(agent.OP_USERFAULTFD, payload.done())
    } catch (error) {
      host.agent.dropHandler(process)
      throw error
    }
    return made
  }

  async copy(page: number, bytes: Uint8Array, writeProtect: boolean): Promise<void> {
    for (let at = 0; at < bytes.length; at += agent.AGENT_CHUNK) {
      const part = bytes.subarray(at, at + agent.AGENT_CHUNK)
      await this.#command(agent.OP_UFFD_STAGE, new agent.Packer().u64(at).done(part))
    }
    const pages = bytes.length / this.#host.pageBytes
    await this.#fill(agent.OP_UFFD_COPY, page, pages, writeProtect ? 1 : 0)
  }

  zeropage(page: number, pages: number): Promise<void> {
    return this.#fill(agent.OP_UFFD_ZEROPAGE, page, pages, 0)
  }

  async writeProtect(page: number, pages: number, protect: boolean): Promise<void> {
    await this.#ranged(agent.OP_UFFD_WRITEPROTECT, page, pages, protect ? 1 : 0)
  }

  async wake(page: number, pages: number): Promise<void> {
    await this.#ranged(agent.OP_UFFD_WAKE, page, pages, 0)
  }

  /** Done by the process itself, of its own memory. */
  async scan(page: number, pages: number): Promise<Uint8Array> {
    const { pageBytes } = this.#host
    const written = new Uint8Array(pages)
    for (let at = 0; at < pages; at += agent.AGENT_CHUNK) {
      const bytes = Math.min(agent.AGENT_CHUNK, pages - at) * pageBytes
      const range = agent.packRange((page + at) * pageBytes, bytes)
      written.set(await this.#host.command(agent.OP_PAGEMAP_SCAN, range), at)
    }
    return written
  }

  /** Done by the process itself, with the descriptor of the handler: nobody else may move its pages. */
  async move(page: number, from: number, pages: number): Promise<void> {
    const { pageBytes } = this.#host
    if (this.#host.isBusy()) {
      throw new HmmError('EBUSY', {
        message:
          'the process does something else, or waits itself, and nobody else may move its pages',
        hint: 'Serve its own touches by copy, or move ahead of them.',
        retryable: true,
      })
    }
    this.#pid ??= this.#command(agent.OP_UFFD_PID, new Uint8Array())
    const payload = new agent.Packer()
      .u64(page * pageBytes)
      .u64(from * pageBytes)
      .u64(pages * pageBytes)
      .u32(agent.readU32(await this.#pid, 0))
      .u32(0)
    try {
      this.#check(await this.#host.command(agent.OP_UFFD_MOVE, payload.done()))
    } finally {
      this.#host.served()
    }
  }

  /** The handler ends, and the descriptor with it. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const exit = this.#host.agent.command(this.#process, agent.OP_EXIT, new Uint8Array())
    await Promise.all([this.#ended, exit.catch(() => undefined)])
    this.#host.served()
  }

  /** A failure in the middle names the page. */
  async #fill(op: number, page: number, pages: number, value: number): Promise<void> {
    this.#check(await this.#ranged(op, page, pages, value))
  }

  #check(reply: Uint8Array): void {
    const error = agent.readS32(reply, 8)
    if (error === 0) return
    throw new HmmError(errnoName(-error), {
      page: agent.readU64(reply, 0) / this.#host.pageBytes,
      hint:
        -error === EEXIST
          ? 'Somebody was faster: wake(range), and who waits looks again.'
          : undefined,
      retryable: false,
    })
  }

  #ranged(op: number, page: number, pages: number, value: number): Promise<Uint8Array> {
    const { pageBytes } = this.#host
    return this.#command(op, agent.packRange(page * pageBytes, pages * pageBytes, value))
  }

  async #command(op: number, payload: Uint8Array): Promise<Uint8Array> {
    try {
      return await this.#host.agent.command(this.#process, op, payload)
    } finally {
      if (op !== agent.OP_UFFD_STAGE) this.#host.served()
    }
  }
}

const EEXIST = 17
