import { supported, unsupported, type Capability, type CapabilityTable } from '@hmm-sdk/hmm-api'
import type { Simulation } from './simulation.js'

/** Tables by what they depend on: simulations are made by the thousand, mostly all alike. */
const tables = new Map<string, CapabilityTable>()
const MOST_TABLES = 64

/** What a process of the simulation can do: `always`, which is the same table each time, and more. */
export function spaceCapabilities(
  { machine }: Simulation,
  always: CapabilityTable,
): CapabilityTable {
  const total = (shift: number): number => machine.hugePools.get(shift)?.total ?? 0
  const pages = (shift: number): number => machine.hugePools.get(shift)?.pages ?? 0
  const { guards, scansSharedMemory } = machine.kernel
  const key = `${guards} ${scansSharedMemory} ${total(21)} ${pages(21)} ${total(30)} ${pages(30)}`
  const known = tables.get(key)
  if (known !== undefined) return known
  if (tables.size === MOST_TABLES) tables.clear()
  const table = Object.freeze({
    ...always,
    'space.hugetlb': hugetlb('2M', total(21), pages(21)),
    'space.hugetlb.1g': hugetlb('1G', total(30), pages(30)),
    'space.numa-scan.shared': scansSharedMemory
      ? supported()
      : unsupported('Linux 6.12 leaves shared memory out', 'Simulate 7.2 or later.'),
    'space.guard': guards
      ? supported()
      : unsupported('lightweight guards came with Linux 6.13', 'Use mprotect, or simulate 7.2.'),
  })
  tables.set(key, table)
  return table
}

/** Whether there is a pool of huge pages of that size. */
function hugetlb(size: string, total: number, pages: number): Capability {
  if (total > 0) return supported({ total, pages })
  return unsupported(
    `no huge pages of ${size} are reserved`,
    `Reserve some: the simulation's option hugePages: { '${size}': 8 }.`,
  )
}
