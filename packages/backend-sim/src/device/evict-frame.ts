import { FRAME_DEVICE, FRAME_LOCKED } from '../mm/frame-table.js'
import { removeMigrationEntries, tryToMigrate } from '../mm/rmap.js'
import type { Machine } from '../sim/machine.js'

/**
 * Brings one device page back without knowing who maps it (`migrate_device_range`): a CLEAR event
 * for each mapping. False if it is locked, pinned, or there is no memory.
 */
export function evictFrame(machine: Machine, frame: number): boolean {
  const { frames } = machine
  if ((frames.flags[frame]! & FRAME_LOCKED) !== 0) return false
  frames.flags[frame]! |= FRAME_LOCKED
  frames.get(frame)
  tryToMigrate(machine, frame)
  const pinned = frames.refs[frame]! - 1 > frames.maps[frame]!
  const to = pinned ? 0 : frames.allocate(0)
  if (to !== 0) {
    frames.copy(frame, to)
    frames.moveIdentity(frame, to, ~(FRAME_LOCKED | FRAME_DEVICE))
  }
  removeMigrationEntries(machine, frame, to === 0 ? frame : to)
  frames.flags[frame]! &= ~FRAME_LOCKED
  frames.put(frame)
  if (to !== 0) frames.put(to)
  machine.pageUnlocked.wakeAll()
  return to !== 0
}
