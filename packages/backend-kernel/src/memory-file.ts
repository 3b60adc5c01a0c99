import { HmmError } from '@hmm-sdk/hmm-api'
import type { RawFile, RawPin } from '@hmm-sdk/hmm-api/raw'
import {
  OP_FILE_CLOSE,
  OP_FILE_CREATE,
  OP_FILE_PUNCH,
  OP_FILE_READ,
  OP_FILE_SYNC,
  OP_FILE_TRUNCATE,
  OP_FILE_WRITE,
  OP_UPROBE,
  Packer,
  AGENT_CHUNK,
} from './agent-protocol.js'

/** Runs a command in the process that holds the file. */
export type FileCommand = (op: number, payload: Uint8Array) => Promise<Uint8Array>

/** A memfd in a process of the agent, by a number that no other file has. */
export class AgentFile implements RawFile {
  static #next = 1
  readonly id: number
  readonly #hugetlb: number
  readonly #command: FileCommand
  readonly #pageBytes: number
  #closed = false
  static #nextUprobe = 1

  private constructor(id: number, command: FileCommand, pageBytes: number, hugetlb: number) {
    this.id = id
    this.#hugetlb = hugetlb
    this.#command = command
    this.#pageBytes = pageBytes
  }

  /** `hugetlb`: log2 of the bytes of its huge pages, 0 for ordinary ones, FILE_DAX for persistent memory. */
  static async create(
    pages: number,
    command: FileCommand,
    pageBytes: number,
    hugetlb: number,
  ): Promise<AgentFile> {
    const file = new AgentFile(this.#next++, command, pageBytes, hugetlb)
    await file.#run(OP_FILE_CREATE, 0, pages)
    return file
  }

  truncate(pages: number): Promise<void> {
    return this.#run(OP_FILE_TRUNCATE, 0, pages)
  }

  sync(): Promise<void> {
    return this.#run(OP_FILE_SYNC, 0, 0)
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += AGENT_CHUNK) {
      const size = Math.min(AGENT_CHUNK, length - at)
      bytes.set(await this.#command(OP_FILE_READ, this.#pack(offset + at, size)), at)
    }
    return bytes
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += AGENT_CHUNK) {
      const part = bytes.subarray(at, at + AGENT_CHUNK)
      const head = this.#pack(offset + at, part.length)
      const payload = new Uint8Array(head.length + part.length)
      payload.set(head)
      payload.set(part, head.length)
      await this.#command(OP_FILE_WRITE, payload)
    }
  }

  punchHole(page: number, pages: number): Promise<void> {
    return this.#run(OP_FILE_PUNCH, page, pages)
  }

  /** A breakpoint; it goes with the process, too. */
  async uprobe(offset: number): Promise<RawPin> {
    const number = AgentFile.#nextUprobe++
    await this.#command(OP_UPROBE, this.#pack(offset, 1, number))
    const remove = async (): Promise<void> => {
      try {
        await this.#command(OP_UPROBE, this.#pack(offset, 0, number))
      } catch (error) {
        if (!HmmError.is(error, 'ESRCH')) throw error
      }
    }
    let closing: Promise<void> | undefined
    return { close: () => (closing ??= remove()) }
  }

  /** Nothing to do when the process is gone: its files went with it. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#run(OP_FILE_CLOSE, 0, 0).catch(() => undefined)
  }

  async #run(op: number, page: number, pages: number): Promise<void> {
    const hugetlb = op === OP_FILE_CREATE ? this.#hugetlb : 0
    const bytes = this.#pageBytes
    await this.#command(op, this.#pack(page * bytes, pages * bytes, hugetlb))
  }

  #pack(offset: number, length: number, value = 0): Uint8Array {
    return new Packer().u32(this.id).u32(value).u64(offset).u64(length).done()
  }
}
