import type { Machine } from '../sim/machine.js'
import type { Operation } from '../sim/operation.js'
import { DEVICE_FLAGS, FRAME_LARGE, FRAME_LOCKED } from './frame-table.js'
import { tryToMigrateBlock } from './migrate-block.js'
import { removeMigrationEntries, tryToMigrate, walkMappings } from './rmap.js'

/**
 * Brings one device page back without knowing who maps it (`migrate_device_range`): a CLEAR event
 * for each mapping. False if it is locked, pinned, or there is no memory.
 */
export function* evictFrame(machine: Machine, frame: number): Operation<boolean> {
  const { frames } = machine
  if ((frames.flags[frame]! & FRAME_LOCKED) !== 0) return false
  frames.flags[frame]! |= FRAME_LOCKED
  frames.get(frame)
  yield* tryToMigrate(machine, frame)
  const stays = frames.maps[frame]! > 0 || frames.refs[frame]! > 1
  const to = stays ? 0 : frames.allocate(0)
  if (to !== 0) {
    frames.copy(frame, to)
    frames.moveIdentity(frame, to, ~(FRAME_LOCKED | FRAME_LARGE | DEVICE_FLAGS))
  }
  removeMigrationEntries(machine, frame, to === 0 ? frame : to)
  frames.flags[frame]! &= ~FRAME_LOCKED
  frames.put(frame)
  if (to !== 0) frames.put(to)
  machine.pageUnlocked.wakeAll()
  return to !== 0
}

/**
 * The same for a block of device memory that somebody maps as one: how many pages came back. 0 if
 * `frame` does not begin one, or it cannot come back whole.
 */
export function* evictBlock(machine: Machine, frame: number): Operation<number> {
  const { frames } = machine
  const pages = 1 << machine.pageTables.bits
  let whole = false
  walkMappings(machine, frame, ({ mm }, page) => {
    if (frame % pages === 0 && mm.tables.isHuge(page)) whole = true
  })
  if (!whole || (frames.flags[frame]! & FRAME_LOCKED) !== 0) return 0
  const to = frames.allocateHuge(pages, 0)
  if (to === 0) return 0
  for (let i = 0; i < pages; i++) {
    frames.flags[frame + i]! |= FRAME_LOCKED
    frames.get(frame + i)
  }
  yield* tryToMigrateBlock(machine, frame, pages)
  let stays = false
  for (let each = frame; each < frame + pages; each++) {
    // Whoever was let in by an event may map or hold it now.
    stays ||= frames.maps[each]! > 0 || frames.refs[each]! > 1
  }
  for (let i = 0; i < pages; i++) {
    if (!stays) {
      frames.copy(frame + i, to + i)
      frames.moveIdentity(frame + i, to + i, ~(FRAME_LOCKED | DEVICE_FLAGS))
    }
    removeMigrationEntries(machine, frame + i, (stays ? frame : to) + i)
    frames.flags[frame + i]! &= ~FRAME_LOCKED
    frames.put(frame + i)
    frames.put(to + i)
  }
  machine.pageUnlocked.wakeAll()
  return stays ? 0 : pages
}
