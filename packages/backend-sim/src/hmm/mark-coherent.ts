import { ENTRY_DEVICE, ENTRY_VALID } from '@hmm-sdk/hmm-api'
import type { Machine } from '../sim/machine.js'

/**
 * Pages in the coherent memory of `owner` are mapped as any others; that they are there shows in who they
 * are. Marks the entries of pages `[from, to)`; `frameOf` says which frame each has.
 */
export function markCoherent(
  machine: Machine,
  owner: object | undefined,
  entries: Uint32Array,
  range: { readonly from: number; readonly to: number },
  frameOf: (index: number) => number,
): void {
  const memory = machine.frames.coherentOf(owner)
  if (memory === undefined) return
  const first = memory.firstFrame
  for (let i = range.from; i < range.to; i++) {
    const own = frameOf(i) >= first && frameOf(i) < first + memory.frames
    if (own && (entries[2 * i + 1]! & ENTRY_VALID) !== 0) entries[2 * i + 1]! |= ENTRY_DEVICE
  }
}
