import type { CaseGroup, CaseModule, ConformanceCase } from '../harness/case.js'
import * as capability from './capability/capability.js'
import * as attributes from './dma/attributes.js'
import * as bounce from './dma/bounce.js'
import * as coherent from './dma/coherent.js'
import * as engine from './dma/engine.js'
import * as iova from './dma/iova.js'
import * as lazy from './dma/lazy.js'
import * as list from './dma/list.js'
import * as mirrorRefused from './dma/mirror-refused.js'
import * as misuse from './dma/misuse.js'
import * as nonCoherent from './dma/non-coherent.js'
import * as peer from './dma/peer.js'
import * as pool from './dma/pool.js'
import * as streaming from './dma/streaming.js'
import * as window from './dma/window.js'
import * as advice from './events/advice.js'
import * as copyOnWrite from './events/copy-on-write.js'
import * as delivery from './events/delivery.js'
import * as file from './events/file.js'
import * as hugetlbEvents from './events/hugetlb.js'
import * as userfaultfdEvents from './events/userfaultfd.js'
import * as pagemapScan from './events/pagemap-scan.js'
import * as uprobe from './events/uprobe.js'
import * as softDirty from './events/soft-dirty.js'
import * as dax from './events/dax.js'
import * as daxHugePage from './events/dax-huge-page.js'
import * as hugePage from './events/huge-page.js'
import * as ksm from './events/ksm.js'
import * as oomReaper from './events/oom-reaper.js'
import * as writeback from './events/writeback.js'
import * as numaScan from './events/numa-scan.js'
import * as mlock from './events/mlock.js'
import * as stack from './events/stack.js'
import * as mapping from './events/mapping.js'
import * as protection from './events/protection.js'
import * as release from './events/release.js'
import * as exclusive from './exclusive/exclusive.js'
import * as access from './input/access.js'
import * as range from './input/range.js'
import * as busy from './lifecycle/busy.js'
import * as close from './lifecycle/close.js'
import * as useAfterClose from './lifecycle/use-after-close.js'
import * as useAfterExit from './lifecycle/use-after-exit.js'
import * as corners from './memory/corners.js'
import * as coherentMemory from './memory/coherent.js'
import * as cpuFault from './memory/cpu-fault.js'
import * as pinned from './memory/pinned.js'
import * as evict from './memory/evict.js'
import * as hugeDevicePage from './memory/huge-page.js'
import * as migrate from './memory/migrate.js'
import * as races from './memory/races.js'
import * as allOrNothing from './mirror/all-or-nothing.js'
import * as mirrorCommit from './mirror/commit.js'
import * as counted from './mirror/counted.js'
import * as flow from './mirror/flow.js'
import * as map from './mirror/map.js'
import * as presentOnly from './mirror/present-only.js'
import * as revoke from './mirror/revoke.js'
import * as fault from './range-fault/fault.js'
import * as userfaultfd from './range-fault/userfaultfd.js'
import * as hugetlb from './range-fault/hugetlb.js'
import * as driverPages from './range-fault/driver-pages.js'
import * as rangeFaultHugePage from './range-fault/huge-page.js'
import * as perPage from './range-fault/per-page.js'
import * as snapshot from './range-fault/snapshot.js'
import * as commit from './sequence/commit.js'
import * as protocol from './sequence/protocol.js'
import * as wait from './time/wait.js'

/** Every group file, in the order in which they run: what others build on comes first. */
export const CASE_MODULES: readonly CaseModule[] = [
  capability,
  wait,
  range,
  access,
  snapshot,
  fault,
  driverPages,
  rangeFaultHugePage,
  perPage,
  hugetlb,
  userfaultfd,
  protocol,
  commit,
  mapping,
  protection,
  advice,
  mlock,
  stack,
  copyOnWrite,
  hugePage,
  hugetlbEvents,
  userfaultfdEvents,
  softDirty,
  pagemapScan,
  uprobe,
  ksm,
  numaScan,
  writeback,
  oomReaper,
  dax,
  daxHugePage,
  file,
  release,
  delivery,
  map,
  allOrNothing,
  presentOnly,
  revoke,
  mirrorCommit,
  counted,
  flow,
  coherent,
  pool,
  streaming,
  list,
  attributes,
  window,
  iova,
  bounce,
  nonCoherent,
  lazy,
  mirrorRefused,
  peer,
  misuse,
  engine,
  migrate,
  corners,
  cpuFault,
  coherentMemory,
  races,
  evict,
  pinned,
  hugeDevicePage,
  exclusive,
  useAfterClose,
  useAfterExit,
  close,
  busy,
]

export const GROUPS: readonly CaseGroup[] = CASE_MODULES.map(({ group }) => group)

/** Every case, by address. */
export const CASES: readonly ConformanceCase[] = GROUPS.flatMap(({ cases }) => cases)
