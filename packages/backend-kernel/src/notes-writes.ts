import { closeSync, openSync, readSync } from 'node:fs'

const ENTRY_BYTES = 8
const SOFT_DIRTY = 1n << 55n
/** Enough for the first address of the first line. */
const ADDRESS_BYTES = 20

/**
 * Whether the kernel notes which pages a process writes (`CONFIG_MEM_SOFT_DIRTY`). One that does not takes
 * clear_refs all the same, and then tells of no page that it was written. It shows in memory that nobody
 * watches, this process's first mapping for one: all of it counts as written.
 */
export function notesWrites(pageShift: number): boolean {
  try {
    const [address] = bytesAt('/proc/self/maps', 0, ADDRESS_BYTES).toString('latin1').split('-')
    const page = Number(BigInt(`0x${address}`) >> BigInt(pageShift))
    const entry = bytesAt('/proc/self/pagemap', page * ENTRY_BYTES, ENTRY_BYTES)
    return (entry.readBigUInt64LE() & SOFT_DIRTY) !== 0n
  } catch {
    // Not shown to this process: then its children cannot read it either.
    return false
  }
}

function bytesAt(path: string, position: number, bytes: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(bytes)
    readSync(file, buffer, 0, bytes, position)
    return buffer
  } finally {
    closeSync(file)
  }
}
