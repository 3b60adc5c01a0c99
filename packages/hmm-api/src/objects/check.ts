import { VirtualRange } from '../address/virtual-range.js'
import { shown } from '../error/shown.js'
import type { DmaDirection } from '../raw/raw-dma.js'

/** Most bytes of one CPU or engine access. */
const MAX_BYTES = 2 ** 30
/** Most pages of one range operation: 16 TiB of 4 KiB pages. */
const MAX_PAGES = 2 ** 32
/** One more than the highest address. */
const ADDRESSES = 1n << 64n

const DIRECTIONS: readonly DmaDirection[] = ['to-device', 'from-device', 'bidirectional']

/** `value` as an integer in min..max; TypeError otherwise. */
export function checkInteger(
  name: string,
  value: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw notWhole(name, value, min, max)
}

// Apart, so that the check is small enough to be inlined where it is called often.
function notWhole(name: string, value: number, min: number, max: number): TypeError {
  return new TypeError(`${name} is a whole number in ${min}..${max}, not ${shown(value)}`)
}

/** `value` as bytes; TypeError otherwise. */
export function checkUint8Array(name: string, value: Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new TypeError(`${name} is a Uint8Array, not ${shown(value)}`)
}

/** `name` as a text; TypeError otherwise. */
export function checkName(name: string): string {
  if (typeof name === 'string') return name
  throw new TypeError(`name is a text, not ${shown(name)}`)
}

/** `address` as one of 64 bits; TypeError or RangeError otherwise. */
export function checkAddress<T extends bigint>(kind: string, address: T): T {
  if (typeof address !== 'bigint') {
    throw new TypeError(`address is not a ${kind} but ${shown(address)}`)
  }
  if (address < 0n || address >= ADDRESSES) {
    throw new RangeError(`address ${shown(address)} does not fit 64 bits`)
  }
  return address
}

/** A positive number of pages; TypeError otherwise. */
export function checkPages(name: string, value: number): number {
  return checkInteger(name, value, 1, MAX_PAGES)
}

/** A positive number of bytes, at most 1 GiB; TypeError otherwise. */
export function checkBytes(name: string, value: number): number {
  return checkInteger(name, value, 1, MAX_BYTES)
}

/** `range` as a VirtualRange of that page size; TypeError otherwise. */
export function checkRange(range: VirtualRange, pageShift: number): VirtualRange {
  if (!VirtualRange.is(range)) {
    throw new TypeError(
      `range is not a VirtualRange but ${shown(range)}: make one with VirtualRange.of`,
    )
  }
  if (range.pageShift !== pageShift) {
    throw new TypeError(
      `range has pages of 2^${range.pageShift} bytes, the space of 2^${pageShift}`,
    )
  }
  return range
}

/** `range` as a part of `whole`; TypeError or RangeError otherwise. */
export function checkInside(range: VirtualRange, whole: VirtualRange, what: string): VirtualRange {
  if (VirtualRange.is(range) && whole.containsRange(range)) return range
  throw notInside(range, whole, what)
}

function notInside(range: VirtualRange, whole: VirtualRange, what: string): RangeError {
  checkRange(range, whole.pageShift)
  return new RangeError(`${range.toString()} is outside ${what} ${whole.toString()}`)
}

/** TypeError for what is not a direction. */
export function checkDirection(direction: DmaDirection): DmaDirection {
  if (direction === 'bidirectional' || direction === 'to-device' || direction === 'from-device') {
    return direction
  }
  throw notDirection(direction)
}

function notDirection(direction: unknown): TypeError {
  return new TypeError(`direction ${shown(direction)} is not one of ${DIRECTIONS.join(', ')}`)
}

/** What every call that waits takes. */
const WAIT: readonly string[] = ['signal', 'deadlineMs']

/**
 * TypeError unless `options` is an object with no other keys than `known` and, where the call
 * waits, those of `Wait`: what is misspelt would be left out without a word.
 */
export function checkOptions(
  op: string,
  options: unknown,
  known: readonly string[],
  wait: readonly string[] = WAIT,
): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${op}: the options are an object, not ${shown(options)}`)
  }
  for (const key in options) {
    if (!known.includes(key) && !wait.includes(key))
      throw unknownOption(op, key, [...known, ...wait])
  }
}

function unknownOption(op: string, key: string, known: readonly string[]): TypeError {
  return new TypeError(`${op}: unknown option '${key}'; known are ${known.join(', ')}`)
}
