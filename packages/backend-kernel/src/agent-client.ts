import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import { errnoName, HmmError } from '@hmm-sdk/hmm-api'
import {
  AGENT_PROTOCOL,
  encodeFrame,
  FrameReader,
  OP_EXITED,
  OP_KILL,
  OP_READY,
  OP_SPAWN,
  OP_USERFAULT,
  readS32,
  readU32,
  readU64,
  type Frame,
} from './agent-protocol.js'

/** What the agent says when it starts. Addresses in bytes. */
export interface AgentReady {
  readonly pageSize: number
  /** What may be mapped and mirrored: from, up to. */
  readonly windowStart: number
  readonly windowEnd: number
  readonly arenaStart: number
  readonly arenaEnd: number
}

/** A new process: its pid, and the module's number of its address space (0 without the module). */
export interface AgentHello {
  readonly process: number
  readonly pid: number
  readonly space: number
}

interface Pending {
  readonly process: number
  resolve(payload: Uint8Array): void
  reject(error: HmmError): void
}

const SIGKILL = 9

/**
 * The agent as a child of Node: starts processes, sends each its commands, one at a time, and
 * tells when one has ended. Different processes work concurrently.
 */
export class AgentClient {
  readonly #child: ChildProcess
  readonly #reader = new FrameReader()
  readonly #pending = new Map<number, Pending>()
  readonly #queues = new Map<number, Promise<unknown>>()
  readonly #userfaults = new Map<number, (payload: Uint8Array) => void>()
  readonly #exits = new Map<number, (status: number) => void>()
  #ready: ((ready: AgentReady) => void) | undefined
  #failed: HmmError | undefined
  #nextRequest = 1
  #nextProcess = 1
  #closing = false

  private constructor(child: ChildProcess) {
    this.#child = child
    child.stdout?.on('data', (chunk: Buffer) => this.#receive(chunk))
    child.stdin?.on('error', () => undefined) // 'exit' says more
    child.on('error', (error) => this.#fail(`the agent does not start: ${error.message}`))
    child.on('exit', (code, signal) => {
      this.#fail(this.#closing ? 'the agent was closed' : `the agent ended (${signal ?? code})`)
    })
  }

  /**
   * Starts the agent `path`. `contextFd` is inherited by it and all its processes; without it the
   * processes do not bind themselves (for tests of the agent alone).
   */
  static async start(
    path: string,
    contextFd: number | undefined,
  ): Promise<{ agent: AgentClient; ready: AgentReady }> {
    const child = spawn(path, contextFd === undefined ? ['--no-bind'] : [], {
      stdio: ['pipe', 'pipe', 'inherit', contextFd ?? 'ignore'],
    })
    const agent = new AgentClient(child)
    const ready = await new Promise<AgentReady>((resolve, reject) => {
      agent.#ready = resolve
      agent.#pending.set(0, { process: 0, resolve: () => undefined, reject })
    })
    agent.#pending.delete(0)
    agent.#keepAlive()
    return { agent, ready }
  }

  /** A new process. Errors: EAGAIN (too many), ENOMEM, and those of SPACE_BIND. */
  spawn(name: string): Promise<AgentHello> {
    const process = this.#nextProcess++
    return this.#hello(process, this.#send(process, OP_SPAWN, Buffer.from(name)))
  }

  /** Sends a command when all earlier ones of that process are done; the reply's payload. */
  command(process: number, op: number, payload: Uint8Array): Promise<Uint8Array> {
    const before = this.#queues.get(process) ?? Promise.resolve()
    const reply = before.then(() => this.#send(process, op, payload))
    this.#queues.set(
      process,
      reply.catch(() => undefined),
    )
    return reply
  }

  /** Lets `process` fork; the child answers. */
  fork(process: number, op: number, name: string): Promise<AgentHello> {
    const child = this.#nextProcess++
    const payload = Buffer.alloc(4)
    payload.writeUInt32LE(child)
    const reply = this.command(process, op, Buffer.concat([payload, Buffer.from(name)]))
    return this.#hello(child, reply)
  }

  /**
   * The number of a new handler of userfaults, which `process` starts by itself; `listener` is told each
   * fault (`struct userfault`).
   */
  newHandler(listener: (payload: Uint8Array) => void): number {
    const process = this.#nextProcess++
    this.#userfaults.set(process, listener)
    return process
  }

  /** It was never started. */
  dropHandler(process: number): void {
    this.#userfaults.delete(process)
    this.#exits.delete(process)
  }

  /** Whether it has not answered a command yet. */
  isBusy(process: number): boolean {
    for (const pending of this.#pending.values()) if (pending.process === process) return true
    return false
  }

  /** SIGKILL. What it leaves undone fails with ESRCH. */
  kill(process: number): void {
    this.#write({ process, request: 0, code: OP_KILL, payload: new Uint8Array() })
  }

  /** Calls `listener` once when `process` has ended: its exit status, or the negative signal. */
  onExit(process: number, listener: (status: number) => void): void {
    if (this.#failed !== undefined) queueMicrotask(() => listener(-SIGKILL))
    else this.#exits.set(process, listener)
  }

  /** Ends all processes and the agent. */
  async close(): Promise<void> {
    this.#closing = true
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()))
    this.#child.ref()
    this.#child.stdin?.end()
    await ended
  }

  async #hello(process: number, reply: Promise<Uint8Array>): Promise<AgentHello> {
    const payload = await reply
    return { process, pid: readU32(payload, 0), space: readU32(payload, 4) }
  }

  #send(process: number, op: number, payload: Uint8Array): Promise<Uint8Array> {
    const request = this.#nextRequest
    this.#nextRequest = request === 0xffff_ffff ? 1 : request + 1
    return new Promise((resolve, reject) => {
      if (this.#failed !== undefined) {
        reject(this.#failed)
        return
      }
      this.#pending.set(request, { process, resolve, reject })
      this.#keepAlive()
      this.#write({ process, request, code: op, payload })
    })
  }

  #write(frame: Frame): void {
    this.#child.stdin?.write(encodeFrame(frame))
  }

  #receive(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#take(frame)
    } catch (error) {
      this.#fail((error as Error).message)
      this.#child.kill('SIGKILL')
    }
  }

  #take(frame: Frame): void {
    if (frame.request !== 0) {
      const pending = this.#pending.get(frame.request)
      this.#pending.delete(frame.request)
      this.#keepAlive()
      if (frame.code < 0) pending?.reject(commandError(-frame.code))
      else pending?.resolve(frame.payload)
    } else if (frame.code === OP_READY) {
      this.#start(frame.payload)
    } else if (frame.code === OP_EXITED) {
      this.#ended(frame.process, readS32(frame.payload, 0))
    } else if (frame.code === OP_USERFAULT) {
      this.#userfaults.get(frame.process)?.(frame.payload)
    }
  }

  #start(payload: Uint8Array): void {
    const protocol = readU32(payload, 0)
    if (protocol !== AGENT_PROTOCOL) {
      this.#fail(
        `the agent speaks protocol ${protocol}, this package ${AGENT_PROTOCOL}: build it again`,
      )
      this.#child.kill('SIGKILL')
      return
    }
    this.#ready?.({
      pageSize: readU32(payload, 4),
      windowStart: readU64(payload, 8),
      windowEnd: readU64(payload, 16),
      arenaStart: readU64(payload, 24),
      arenaEnd: readU64(payload, 32),
    })
  }

  #ended(process: number, status: number): void {
    const listener = this.#exits.get(process)
    this.#exits.delete(process)
    this.#queues.delete(process)
    this.#userfaults.delete(process)
    for (const [request, pending] of this.#pending) {
      if (pending.process !== process || request === 0) continue
      this.#pending.delete(request)
      pending.reject(new HmmError('ESRCH', { message: 'the process ended during the call' }))
    }
    this.#keepAlive()
    listener?.(status)
  }

  #fail(message: string): void {
    if (this.#failed !== undefined) return
    const code = this.#closing ? 'ESRCH' : 'EIO'
    this.#failed = new HmmError(code, {
      message,
      hint: this.#closing ? undefined : 'All its processes are gone: open the backend again.',
    })
    const pending = [...this.#pending.values()]
    this.#pending.clear()
    for (const each of pending) each.reject(this.#failed)
    const exits = [...this.#exits.values()]
    this.#exits.clear()
    for (const listener of exits) listener(-SIGKILL)
    this.#keepAlive()
  }

  /** Node stays alive for a reply, not for an agent that has nothing to do. */
  #keepAlive(): void {
    const streams = [this.#child.stdin, this.#child.stdout] as unknown as (Socket | null)[]
    const method = this.#pending.size > 0 ? 'ref' : 'unref'
    this.#child[method]()
    for (const stream of streams) stream?.[method]()
  }
}

function commandError(errno: number): HmmError {
  const name = errnoName(errno)
  const unknown = name === 'EIO' && errno !== 5 ? `the process got errno ${errno}` : undefined
  return new HmmError(name, { message: unknown })
}
