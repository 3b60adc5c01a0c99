// The kernel's own test driver (lib/test_hmm.c) with the interface of the example's: its ioctls are made by the
// mirrored process, since the driver mirrors whoever opens it.
import { rawOf } from '@hmm-sdk/hmm-api/raw'

/** Numbers of the ioctls, and the one flag. */
const WRITE = 1
const MIGRATE_TO_DEVICE = 2
const MIGRATE_TO_SYSTEM = 3
const SNAPSHOT = 4
const EXCLUSIVE = 5
const CHECK_EXCLUSIVE = 6
const RELEASE = 7
const FLAGS = 8
/** The other READ (0) holds the mmap lock, so that nobody can serve a fault meanwhile (userfaultfd). */
const READ_UNLOCKED = 9
const FAIL_ALLOCATION = 1
/** `struct hmm_dmirror_cmd`: addr, ptr, npages, cpages, faults. */
const STRUCT_BYTES = 40

/** `_IOWR('H', number, struct hmm_dmirror_cmd)` */
const request = (number) => (0xc000_0000 | (STRUCT_BYTES << 16) | (0x48 << 8) | number) >>> 0

export class UpstreamDriver {
  #space
  #file
  /** Where the driver reads and writes data: memory of the process, as large as was needed so far. */
  #scratch

  constructor(space, file) {
    this.#space = space
    this.#file = file
  }

  static async open(space, unit) {
    return new UpstreamDriver(space, await rawOf(space).openDeviceFile(`/dev/hmm_dmirror${unit}`))
  }

  read(range) {
    return this.#reading(READ_UNLOCKED, range)
  }

  async write(range, data) {
    const scratch = await this.#room(range.pages)
    await this.#space.write(scratch.start, data)
    return this.#command(WRITE, range, scratch)
  }

  migrateToDevice(range) {
    return this.#reading(MIGRATE_TO_DEVICE, range)
  }

  migrateToSystem(range) {
    return this.#command(MIGRATE_TO_SYSTEM, range, range)
  }

  async snapshot(range) {
    const scratch = await this.#room(Math.ceil(range.pages / this.#space.pageSize))
    await this.#command(SNAPSHOT, range, scratch)
    return this.#space.read(scratch.start, range.pages)
  }

  exclusive(range) {
    return this.#reading(EXCLUSIVE, range)
  }

  async checkExclusive(range) {
    await this.#command(CHECK_EXCLUSIVE, range, range)
  }

  async release() {
    const any = await this.#room(1)
    await this.#command(RELEASE, any, any)
  }

  async setFlags({ failAllocation }) {
    if (!failAllocation) return
    const any = await this.#room(1)
    await this.#command(FLAGS, any.slice(0, FAIL_ALLOCATION), any)
  }

  async close() {
    // The file of a process that has ended is closed.
    await this.#file.close().catch(() => undefined)
  }

  async #reading(number, range) {
    const scratch = await this.#room(range.pages)
    const done = await this.#command(number, range, scratch)
    const data = await this.#space.read(scratch.start, range.pages * this.#space.pageSize)
    return { ...done, data }
  }

  async #command(number, range, scratch) {
    const struct = new DataView(new ArrayBuffer(STRUCT_BYTES))
    struct.setBigUint64(0, BigInt(range.start), true)
    struct.setBigUint64(8, BigInt(scratch.start), true)
    struct.setBigUint64(16, BigInt(range.pages), true)
    const reply = await this.#file.ioctl(request(number), new Uint8Array(struct.buffer))
    const out = new DataView(reply.buffer, reply.byteOffset, reply.byteLength)
    return {
      pages: Number(out.getBigUint64(24, true)),
      faults: Number(out.getBigUint64(32, true)),
    }
  }

  async #room(pages) {
    if (this.#scratch === undefined || this.#scratch.pages < pages) {
      if (this.#scratch) await this.#space.munmap(this.#scratch)
      this.#scratch = await this.#space.mmap({ pages: Math.max(pages, 1024) })
    }
    return this.#scratch
  }
}
