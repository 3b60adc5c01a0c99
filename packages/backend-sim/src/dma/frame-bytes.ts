import type { Machine } from '../sim/machine.js'

/** Bytes of adjoining frames, `offset` from the start of the first. */
export function readFrames(
  { frames, pageSize }: Machine,
  firstFrame: number,
  offset: number,
  length: number,
): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length;) {
    const inPage = (offset + at) % pageSize
    const count = Math.min(pageSize - inPage, length - at)
    frames.read(firstFrame + Math.floor((offset + at) / pageSize), inPage, bytes, at, count)
    at += count
  }
  return bytes
}

export function writeFrames(
  { frames, pageSize }: Machine,
  firstFrame: number,
  offset: number,
  bytes: Uint8Array,
): void {
  for (let at = 0; at < bytes.length;) {
    const inPage = (offset + at) % pageSize
    const count = Math.min(pageSize - inPage, bytes.length - at)
    const frame = firstFrame + Math.floor((offset + at) / pageSize)
    frames.write(frame, inPage, bytes.subarray(at, at + count))
    at += count
  }
}
