/** The protocol of the agent; the table is agent/protocol.h. All numbers are little-endian. */
export const AGENT_PROTOCOL = 9
/** Bytes of data in one READ or WRITE. */
export const AGENT_CHUNK = 65536
export const AGENT_MAX_PAYLOAD = AGENT_CHUNK + 64
export const FRAME_BYTES = 16

export const OP_SPAWN = 1
export const OP_KILL = 2
export const OP_OOM_REAP = 3
export const OP_READY = 8
export const OP_EXITED = 9
export const OP_USERFAULT = 10
export const OP_MMAP = 16
export const OP_MUNMAP = 17
export const OP_MPROTECT = 18
export const OP_MREMAP = 19
export const OP_MADVISE = 20
export const OP_READ = 21
export const OP_WRITE = 22
export const OP_FETCH_ADD = 23
export const OP_COMPARE_EXCHANGE = 24
export const OP_FILE_CREATE = 25
export const OP_FILE_TRUNCATE = 26
export const OP_FILE_PUNCH = 27
export const OP_FILE_CLOSE = 28
export const OP_FORK = 29
export const OP_EXEC = 30
export const OP_EXIT = 31
export const OP_USERFAULTFD = 32
export const OP_CLEAR_SOFT_DIRTY = 33
export const OP_SOFT_DIRTY = 34
export const OP_PIN = 50
export const OP_UNPIN = 51
export const OP_PIN_SHORT = 55
export const OP_FILE_SYNC = 52
export const OP_FILE_READ = 53
export const OP_FILE_WRITE = 54
export const OP_KSM_MERGE = 56
export const OP_NUMA_SCAN = 57
export const OP_MLOCK = 59
export const OP_PAGEMAP_SCAN = 60
export const OP_UPROBE = 61
export const FILE_DAX = 255
export const FILE_DISK = 254
export const OP_DEVICE_OPEN = 36
export const OP_DEVICE_IOCTL = 37
export const OP_DEVICE_CLOSE = 38
export const OP_UFFD_STAGE = 40
export const OP_UFFD_COPY = 41
export const OP_UFFD_ZEROPAGE = 42
export const OP_UFFD_WRITEPROTECT = 43
export const OP_UFFD_WAKE = 44
export const OP_UFFD_PID = 45
export const OP_UFFD_MOVE = 58

export const MMAP_SHARED = 1
export const MMAP_FIXED = 2
export const MMAP_POPULATE = 4
export const MMAP_DRIVER = 8
export const MMAP_GROWS_DOWN = 16
export const USERFAULTFD_MISSING = 1
export const USERFAULTFD_WRITE_PROTECT = 2
export const USERFAULTFD_ASYNC = 4
export const USERFAULT_WRITE = 1
export const USERFAULT_WRITE_PROTECT = 2
export const MREMAP_MAY_MOVE = 1
export const MREMAP_FIXED = 2
export const MREMAP_DONT_UNMAP = 4

/** A frame without its payload's length. `code`: an OP_* in requests, 0 or -errno in replies. */
export interface Frame {
  readonly process: number
  readonly request: number
  readonly code: number
  readonly payload: Uint8Array
}

/** Builds payloads field by field. */
export class Packer {
  #bytes = Buffer.alloc(96)
  #length = 0

  u32(value: number): this {
    this.#bytes.writeUInt32LE(value >>> 0, this.#length)
    this.#length += 4
    return this
  }

  /** A byte count or address; what does not fit becomes the largest page-aligned one. */
  u64(value: number): this {
    const fits = value < 2 ** 64
    this.#bytes.writeUInt32LE(fits ? value % 2 ** 32 : 0xffff_f000, this.#length)
    this.#bytes.writeUInt32LE(fits ? Math.floor(value / 2 ** 32) : 0xffff_ffff, this.#length + 4)
    this.#length += 8
    return this
  }

  done(rest: Uint8Array = new Uint8Array()): Buffer {
    return Buffer.concat([this.#bytes.subarray(0, this.#length), rest])
  }
}

/** `{ address, length, value }` of the commands on a range. */
export function packRange(address: number, length: number, value = 0, rest?: Uint8Array): Buffer {
  return new Packer().u64(address).u64(length).u32(value).u32(0).done(rest)
}

export function encodeFrame(frame: Frame): Buffer {
  const header = Buffer.alloc(FRAME_BYTES)
  header.writeUInt32LE(frame.payload.length, 0)
  header.writeUInt32LE(frame.process, 4)
  header.writeUInt32LE(frame.request, 8)
  header.writeInt32LE(frame.code, 12)
  return Buffer.concat([header, frame.payload])
}

/** A 64-bit field of a reply, below 2^53. */
export function readU64(payload: Uint8Array, offset: number): number {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  return view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true)
}

export function readU32(payload: Uint8Array, offset: number): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(offset, true)
}

export function readS32(payload: Uint8Array, offset: number): number {
  return new DataView(payload.buffer, payload.byteOffset).getInt32(offset, true)
}

/** Splits the agent's output into frames; throws on a length that no frame has. */
export class FrameReader {
  #chunks: Buffer[] = []
  #length = 0

  /** The frames that are complete with `chunk`. */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = []
    this.#chunks.push(chunk)
    this.#length += chunk.length
    while (this.#length >= FRAME_BYTES) {
      const bytes = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : this.#join()
      const length = bytes.readUInt32LE(0)
      if (length > AGENT_MAX_PAYLOAD) throw new Error(`the agent sent a frame of ${length} bytes`)
      const end = FRAME_BYTES + length
      if (bytes.length < end) break
      this.#chunks = [bytes.subarray(end)]
      this.#length = bytes.length - end
      frames.push({
        process: bytes.readUInt32LE(4),
        request: bytes.readUInt32LE(8),
        code: bytes.readInt32LE(12),
        payload: bytes.subarray(FRAME_BYTES, end),
      })
    }
    return frames
  }

  #join(): Buffer {
    const bytes = Buffer.concat(this.#chunks)
    this.#chunks = [bytes]
    return bytes
  }
}
