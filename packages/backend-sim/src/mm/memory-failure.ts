import type { Machine } from '../sim/machine.js'
import type { Operation } from '../sim/operation.js'
import {
  FRAME_BUFFER,
  FRAME_DAX,
  FRAME_DEVICE,
  FRAME_HUGETLB,
  FRAME_HWPOISON,
  FRAME_LOCKED,
} from './frame-table.js'
import { isLarge, splitFolio } from './large-folio.js'
import { PTE_HWPOISON } from './pte.js'
import { tryToUnmap } from './rmap.js'

/**
 * A frame of system memory has an error that cannot be corrected (`memory_failure`): a CLEAR event
 * for each mapping, which becomes a poison entry. The frame is never used again; a page of a file
 * in memory stays in its cache, and every later fault of it fails. False if it is locked, or
 * part of a huge page of a pool.
 */
export function* memoryFailure(machine: Machine, frame: number): Operation<boolean> {
  const { frames } = machine
  const others = FRAME_LOCKED | FRAME_BUFFER | FRAME_HUGETLB | FRAME_DAX | FRAME_DEVICE
  if ((frames.flags[frame]! & others) !== 0) return false
  frames.flags[frame]! |= FRAME_HWPOISON
  if (isLarge(machine, frame) && !splitFolio(machine, frame)) {
    frames.flags[frame]! &= ~FRAME_HWPOISON
    return false
  }
  frames.flags[frame]! |= FRAME_LOCKED
  frames.get(frame)
  yield* tryToUnmap(machine, frame, () => PTE_HWPOISON | frame)
  frames.flags[frame]! &= ~FRAME_LOCKED
  frames.put(frame)
  return true
}
