import {
  HmmError,
  type Device,
  type MigrateOptions,
  type MigrateOutcome,
  type MigrateResult,
  type MirroredRange,
  type VirtualRange,
} from '@hmm-sdk/hmm-api'
import type { PageTable } from './page-table.js'

/**
 * Migrates piece by piece, and maps for the device what moved. Best effort: which pages stayed
 * where they were shows when they are read. `failAllocation`: the first page is declined; a huge
 * page finds only small ones instead.
 */
export async function migrateToDevice(
  device: Device,
  table: PageTable,
  pieces: readonly MirroredRange[],
  failAllocation: boolean,
): Promise<void> {
  let failing = failAllocation
  for (const piece of pieces) {
    for await (const part of readable(piece)) {
      const { range } = part
      const plan = failing ? failingPlan(device, range) : {}
      const results = await migrateAll(device, part, { to: 'device', ...plan })
      failing = false
      await mapDevicePages(device, table, part, results.at(-1)!)
    }
  }
}

/** Attempts to move pages that are busy. */
const MOST_ATTEMPTS = 10

/**
 * Migrates until no page is busy: one that the kernel holds for a moment (while a processor empties its list of
 * new pages) goes at another attempt. The kernel's driver leaves that to whoever calls it. One result an attempt.
 */
async function migrateAll(
  device: Device,
  { mirror, range }: MirroredRange,
  options: MigrateOptions,
): Promise<MigrateResult[]> {
  const results: MigrateResult[] = []
  do results.push(await device.memory.migrate(mirror, range, options))
  while (results.at(-1)!.count('busy') > 0 && results.length < MOST_ATTEMPTS)
  return results
}

/** What happens when the first allocation fails: pages of a huge page get small ones. */
function failingPlan(device: Device, range: VirtualRange): Partial<MigrateOptions> {
  return coversHugePage(device, range) ? { order: 0 } : { decline: [0] }
}

/** Whether a migration of the range would begin with a whole huge page. */
function coversHugePage(device: Device, range: VirtualRange): boolean {
  const capability = device.capabilities.get('memory.huge')
  if (!capability.supported) return false
  const pages = 2 ** (capability.limits['order'] ?? 0)
  return range.startPage % pages === 0 && range.pages >= pages
}

/**
 * Migrates piece by piece; how many pages moved. `failAllocation`: ENOMEM before any did; a huge page
 * comes back as small ones.
 */
export async function migrateToSystem(
  device: Device,
  pieces: readonly MirroredRange[],
  failAllocation: boolean,
): Promise<number> {
  let pages = 0
  let failing = failAllocation
  for (const piece of pieces) {
    for await (const part of readable(piece)) {
      const { range } = part
      const small = failing && coversHugePage(device, range)
      if (failing && !small) throw new HmmError('ENOMEM', { range, message: 'told to fail' })
      const options = small ? ({ to: 'system', order: 0 } as const) : ({ to: 'system' } as const)
      const results = await migrateAll(device, part, options)
      failing = false
      for (const result of results) pages += result.count('migrated')
    }
  }
  return pages
}

/**
 * The parts of a piece before which nothing is in the way; EINVAL at what cannot be read: a hole,
 * or memory without the right to. The kernel's driver asks each VMA for VM_READ.
 */
async function* readable(piece: MirroredRange): AsyncGenerator<MirroredRange> {
  const { mirror, range } = piece
  for (let first = 0; first < range.pages;) {
    const rest = range.slice(first, range.pages - first)
    const pages = await countReadable(piece, rest)
    if (pages === 0) {
      throw new HmmError('EINVAL', { range, page: first, message: 'this memory may not be read' })
    }
    yield mirror.select(rest.slice(0, pages))
    first += pages
  }
}

function countReadable({ mirror }: MirroredRange, range: VirtualRange): Promise<number> {
  return mirror.faultAndCommit(range, { request: 'none' }, (found) => {
    let pages = 0
    while (pages < range.pages && !found.error(pages)) pages += 1
    return pages
  })
}

/** What is in the device's memory after a migration. */
const THERE: ReadonlySet<MigrateOutcome> = new Set(['migrated', 'populated', 'already-there'])

/**
 * Maps what is in the device's memory now, also what was there before: the invalidation of the
 * migration was about its whole range. Only what is present is mapped: a page that the CPU took
 * back in between is not asked for, and one that the process may not write is mapped for reading.
 */
async function mapDevicePages(
  device: Device,
  table: PageTable,
  { mirror, range }: MirroredRange,
  result: MigrateResult,
): Promise<void> {
  const options = { access: 'write', presentOnly: true } as const
  await device.dma.map(mirror.select(range), options, (mapping) => {
    for (let index = 0; index < range.pages; index++) {
      if (!THERE.has(result.outcome(index))) continue
      if (mapping.isMapped(index) && mapping.isDevice(index)) table.install(mapping, index)
    }
  })
}
